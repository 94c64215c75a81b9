"""How to reach the company: telephone, e-mail and its profiles elsewhere; postal addresses have their own file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from agents.documents import FactKey
from agents.research.addresses import addresses
from agents.research.candidates import Candidate, in_line
from agents.research.labelled import Pair, is_private
from agents.research.pages import ReadPage
from agents.research.vocabulary import FAX, PRIVATE

_PHONE = (
    r"(?:\+|00)\d{1,3}[\d\s().\-–/\u00a0]{5,22}\d"
    r"|\(0?\d{2,5}\)[\s.\-–/]?\d[\d\s.\-–/]{3,14}\d"
    r"|0\d{1,5}[\s.\-–/)]{1,3}\d[\d\s.\-–/]{3,14}\d|\d{3}[-.\s]\d{3}[-.\s]\d{4}"
    r"|1[-.\s]\d{3}[-.\s]\d{3}[-.\s]\d{4}|1[38]00[\s-]\d{3}[\s-]\d{3}"
    r"|\d{2,3}(?:[ .]\d{2,3}){3,4}|\d{3}[ .]\d{3}[ .]\d{3}"
)
_PHONE_ALONE = re.compile(
    r"(?<![\w/.,-])(?P<number>" + _PHONE + r")(?:\s?(?:ext\.?|x|Durchwahl|-)\s?\d{1,5})?(?![\w/-])"
)
_PHONE_LABELLED = re.compile(
    r"(?:^|[\s(|•·,;/])(?P<label>(?:tele)?phones?|tel\.?|telefon|telefonnummer|fon|mobile?|mobil"
    r"|cell|call(?: us)?(?: (?:on|at|now|today))?|hotline|ruf(?:nummer)?|tél\.?|téléphone|tlf\.?"
    r"|teléfono|móvil|whatsapp|(?:tele)?fax|telefax|t|p|ph|f|m)\s?(?:\.|:|-"
    r"|–)?\s{0,3}(?P<number>\+?\(?\d[\d\s().\-–/\u00a0]{4,22}\d)(?![\w-])",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"\b(?:phone|tel|telefon|fon|call|mobil|cell|hotline|ruf|tél|téléphone|teléfono|móvil|whatsapp"
    r"|contact|kontakt|contacto|reach|ring|anruf|appelez|llam)\w*",
    re.IGNORECASE,
)
_NOT_PHONE = re.compile(
    r"\b(?:vat|ust|iban|bic|hrb|hra|siret|siren|cif|nif|rcs|register\w*|steuer\w*|account|konto\w*"
    r"|isbn|issn|sku|order|ein|duns|company (?:no|number)|reg\.?|tva|usd|eur|gtin|ean|art\.?-?nr"
    r"|fax|telefax|télécopie|licen[sc]e|permit|uid|abn|acn|kvk|cvr"
    r"|p\.?\s?iva|partita iva|cod(?:ice|\.)? ?fisc\w*|rea|btw"
    r"|org\.?(?:anisations)?\s?-?\.?(?:nr|nummer)|moms\w*|ondernemingsnummer|nif|nip|regon|krs|ico|dic|rpps|siren|finess"
    r"|channel|kanal|ref(?:erence)?|bank\w*|blz|swift|eori|charity|fca|atol|folio|tomo|hoja)\b",
    re.IGNORECASE,
)
_DATE_LIKE = re.compile(
    r"^\s*(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(?:19|20)\d\d\s?[-–/]\s?(?:19|20)?\d\d|\d{4}-\d\d-\d\d)\s*$"
)

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}[A-Za-z]{2,24}(?![\w@-])"
)
_VEILED = re.compile(
    r"(?<![\w.+-])([A-Za-z0-9][\w.+-]{0,40})\s?[\[({<]\s?(?:at|ät|@|arroba"
    r"|arobase)\s?[\])}>]\s?([A-Za-z0-9-]{1,60}(?:(?:\.|\s?[\[({<]\s?(?:dot|punkt|point|punto"
    r"|\.)\s?[\])}>]\s?)[A-Za-z0-9-]{1,60}){0,3}(?:\.|\s?[\[({<]\s?(?:dot|punkt|point|punto"
    r"|\.)\s?[\])}>]\s?)[A-Za-z]{2,24})\b",
    re.IGNORECASE,
)
_VEILED_WORDS = re.compile(
    r"(?<![\w.+-])([a-z0-9][\w.+-]{0,40}) (?:at|AT) ([a-z0-9-]{2,60}) (?:dot|DOT) ([a-z]{2,24})\b"
)
_DOT = re.compile(r"\s?[\[({<]\s?(?:dot|punkt|point|punto|\.)\s?[\])}>]\s?", re.IGNORECASE)

_SOCIAL = re.compile(
    r"^(?:https?:)?//(?:[a-z]{2,3}\.)?(?:www\.|m\.)?(?P<host>linkedin\.com|twitter\.com|x\.com"
    r"|facebook\.com|instagram\.com|github\.com|gitlab\.com|youtube\.com|xing\.com|tiktok\.com"
    r"|pinterest\.[a-z.]+|vimeo\.com|crunchbase\.com|medium\.com|bsky\.app|threads\.net"
    r"|mastodon\.[a-z]+|kununu\.com|t\.me|discord\.gg|behance\.net"
    r"|dribbble\.com)/(?P<path>[^?#\s]*)",
    re.IGNORECASE,
)
_SHARING = re.compile(
    r"shar(?:e|er|ing)|intent|/hashtag/|plugins/|/search|/status/|/p/[\w-]+|watch\b|/dialog/|login"
    r"|/legal|/policies|^home/?$|username|yourname|your-?(?:page|company|profile)|/issues|/blob/"
    r"|/releases|embed|pin/create|^in/?$|^company/?$",
    re.IGNORECASE,
)


def contacts(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Every way to reach the company that the page shows."""
    yield from _linked(page)
    yield from _phones(page)
    yield from _emails(page)
    yield from addresses(page, pairs)


def _linked(page: ReadPage) -> Iterator[Candidate]:
    for link in page.links:
        scheme, _, rest = link.href.partition(":")
        scheme = scheme.strip().lower()
        if scheme in ("mailto", "tel", "callto") and rest:
            line = page.lines[link.line] if link.line < len(page.lines) else None
            context = page.text[line.start : link.end] if line is not None else ""
            if line is not None and (line.excluded or PRIVATE.search(context[-80:]) or is_private(page, link.line)):
                continue
            if scheme == "mailto":
                yield from _mail_link(page, link.href, unquote(rest.split("?")[0]).strip(), link.start, link.text)
            else:
                yield from _tel_link(page, link.href, unquote(rest).lstrip("/"), link.text, link.start, context)
        elif match := _SOCIAL.match(link.href):
            path = match["path"].strip("/")
            place = page.quote_of_attribute(("a", "area"), "href", link.href)
            if path and place and not _SHARING.search(path) and not _SHARING.search(link.href):
                yield Candidate(FactKey.SOCIAL, link.href.strip(), "markup", *place, "link", 0.85)


def _mail_link(page: ReadPage, href: str, address: str, start: int, text: str) -> Iterator[Candidate]:
    if not _EMAIL.fullmatch(address):
        return
    at = text.find(address)
    if at >= 0:
        yield Candidate(FactKey.EMAIL, address, "text", start + at, start + at + len(address), "link", 0.97)
    elif place := page.quote_of_attribute(("a", "area"), "href", href):
        yield Candidate(FactKey.EMAIL, address, "markup", *place, "link", 0.95)


def _tel_link(page: ReadPage, href: str, number: str, text: str, start: int, context: str) -> Iterator[Candidate]:
    if FAX.search(context[-25:]) or FAX.search(text):
        return
    shown = re.search(r"\+?\(?\d[\d\s().\-–/\u00a0]{4,24}\d", text)
    if shown and len(re.sub(r"\D", "", shown[0])) >= 6:
        yield Candidate(
            FactKey.PHONE, shown[0].strip(), "text", start + shown.start(), start + shown.end(), "link", 0.96
        )
    elif len(re.sub(r"\D", "", number)) >= 6 and (place := page.quote_of_attribute(("a", "area"), "href", href)):
        yield Candidate(FactKey.PHONE, number.strip(), "markup", *place, "link", 0.9)


def _phones(page: ReadPage) -> Iterator[Candidate]:
    for index, line in enumerate(page.lines):
        text = line.text[:2_000]
        if line.excluded or not any(char.isdigit() for char in text):
            continue
        private = is_private(page, index)
        above = page.lines[index - 1].text if index else ""
        taken: list[tuple[int, int]] = []
        for match in _PHONE_LABELLED.finditer(text):
            taken.append(match.span("number"))
            if (
                not FAX.search(match["label"])
                and not private
                and not _DATE_LIKE.match(match["number"])
                and not _NOT_PHONE.search(text[max(0, match.start() - 14) : match.start("number")])
                and (len(match["label"]) > 1 or len(re.sub(r"\D", "", match["number"])) > 7)
            ):
                yield in_line(line, FactKey.PHONE, _number(match["number"]), match.span("number"), 0.92)
        for match in _PHONE_ALONE.finditer(text):
            if any(start < match.end() and match.start() < end for start, end in taken) or private:
                continue
            before = text[max(0, match.start() - 25) : match.start()]
            label = before or (above if len(above) < 30 else "")
            if (
                _NOT_PHONE.search(label)
                or FAX.search(before)
                or FAX.fullmatch(above.strip(" .:") or "-")
                or _DATE_LIKE.match(match["number"])
            ):
                continue
            international = match["number"][0] == "+" or match["number"].startswith("00")
            known = _CONTEXT.search(label) or _CONTEXT.search(page.heading_of(index)) or line.region == "footer"
            if international or known or len(text) <= len(match["number"]) + 4 or match["number"][0] == "(":
                yield in_line(
                    line,
                    FactKey.PHONE,
                    _number(match["number"]),
                    match.span("number"),
                    0.88 if known or international else 0.7,
                )


def _number(raw: str) -> str:
    number = " ".join(raw.split()).rstrip(" -–/.(")
    if number.count("(") > number.count(")"):
        return number + ")"
    return number.replace(")", "", 1) if number.count(")") > number.count("(") else number


def _emails(page: ReadPage) -> Iterator[Candidate]:
    for index, line in enumerate(page.lines):
        if line.excluded:
            continue
        text = line.text[:6_000]
        lowered = text.lower()
        if "@" not in text and "at" not in lowered and "ät" not in lowered:
            continue
        if is_private(page, index) and len(text) < 300:
            continue
        for match in _EMAIL.finditer(text):
            yield in_line(line, FactKey.EMAIL, match[0].rstrip("."), match.span(), 0.95)
        for match in _VEILED.finditer(text):
            yield in_line(line, FactKey.EMAIL, f"{match[1]}@{_DOT.sub('.', match[2])}", match.span(), 0.85)
        for match in _VEILED_WORDS.finditer(text):
            yield in_line(line, FactKey.EMAIL, f"{match[1]}@{match[2]}.{match[3]}", match.span(), 0.7)


def host_of(address: str) -> str:
    """The host of a web address, lower case, without `www.`; an empty string where there is none."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    return host.lower().removeprefix("www.").rstrip(".")
