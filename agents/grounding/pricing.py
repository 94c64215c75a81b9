"""Prices of ours in a sentence: they come from the catalogue alone, whatever amounts a cited page names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agents.grounding.figures import Figure

_OUR_PRICE = re.compile(
    r"\b(?:you|customers?|clients?) (?:only |just )?pay\b|\b(?:we|our team) (?:only |just )?(?:charge|ask|bill|quote)\b"
    r"|\bour (?:price|fee|rate|offer|charge)s?\b|\bcosts? you\b|\bfor (?:only|just)\b|\bpay(?:ing)? (?:only|just)\b"
    r"|\bsie (?:be)?zahlen\b|\b(?:be)?zahlen sie\b|\bwir (?:berechnen|verlangen|bieten)\b"
    r"|\bunser\w* (?:preis|honorar|tarif|angebot)\w*|\bkostet sie\b|\bfür nur\b|\bzum preis von\b"
    r"|\bvous (?:ne )?payez\b|\bnous (?:facturons|demandons)\b|\b(?:notre|nos) (?:prix|tarif|offre)s?\b"
    r"|\bpour seulement\b"
    r"|\b(?:usted(?:es)? )?(?:paga|pagan|pagará|pagarán) (?:solo|sólo|solamente|únicamente)\b|\bcobramos\b"
    r"|\bnuestr[oa]s? (?:precio|tarifa|oferta)s?\b|\bpor (?:solo|sólo)\b",
    re.IGNORECASE,
)
_A_PRICE = re.compile(
    r"\bcosts?\b|\bprice[sd]?\b|\bfees?\b|\bper (?:\w+ )?(?:year|month)\b|\bkostet\b|\bkosten\b"
    r"|\bpreis\w*|\bpro (?:jahr|monat)\b"
    r"|\bcoûte\w*|\bprix\b|\bpar (?:an|mois)\b|\bcuesta\w*|\bprecio\w*|\bal (?:año|mes)\b",
    re.IGNORECASE,
)


def strange_prices(
    text: str, figures: Iterable[Figure], offered: Iterable[Figure], ours: tuple[str, ...]
) -> Iterator[str]:
    """Amounts that this sentence gives as a price of ours and no cited offer has, as reasons."""
    about_us = any(name.casefold() in text.casefold() for name in ours if name)
    if not (_OUR_PRICE.search(text) or (about_us and _A_PRICE.search(text))):
        return
    known = {(one.amount, one.currency) for one in offered if one.kind == "money"}
    for figure in figures:
        if figure.kind == "money" and (figure.amount, figure.currency) not in known:
            yield f"“{figure.written}” is given as a price, and no cited offer of the catalogue has it"
