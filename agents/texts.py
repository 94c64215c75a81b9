"""How documents read to a person: amounts in words of a language, and a proposal as plain text."""

from __future__ import annotations

from decimal import Decimal

from agents.documents import PriceLine, Proposal

_LABELS = {
    "en": {"for": "For", "offer": "Offer", "total": "Total", "valid": "This offer stands for {days} days."},
    "de": {"for": "Für", "offer": "Angebot", "total": "Summe", "valid": "Dieses Angebot gilt {days} Tage."},
}


def money_text(amount: Decimal, currency: str, language: str = "en") -> str:
    """The amount as people write it: `12,340.00 EUR`, in German `12.340,00 EUR`."""
    return f"{number_text(amount.quantize(Decimal('0.01')), language)} {currency}"


def number_text(number: Decimal | int, language: str = "en") -> str:
    """The number with the language's thousands and decimal marks."""
    written = f"{number:,}"
    return written.translate(str.maketrans(",.", ".,")) if language == "de" else written


def line_text(line: PriceLine, currency: str, language: str = "en") -> str:
    """One price line as a sentence part: offer, quantity, unit price and amount."""
    quantity = number_text(line.quantity, language)
    unit_price = money_text(line.unit_price, currency, language)
    return f"{line.name}: {quantity} × {unit_price} ({line.unit}) = {money_text(line.amount, currency, language)}"


def render_text(proposal: Proposal) -> str:
    """The whole proposal as plain text: every claim, every price line and the total."""
    labels = _LABELS.get(proposal.language, _LABELS["en"])
    blocks = [f"{proposal.title}\n{labels['for']} {proposal.entity.name}"]
    for section in proposal.sections:
        claims = "\n".join(claim.text for claim in section.claims)
        blocks.append(f"{section.title}\n{claims}".strip())
    if proposal.lines:
        lines = [line_text(line, proposal.currency, proposal.language) for line in proposal.lines]
        total = money_text(proposal.total, proposal.currency, proposal.language)
        blocks.append("\n".join([labels["offer"], *(f"- {line}" for line in lines), f"{labels['total']}: {total}"]))
    blocks.append(labels["valid"].format(days=proposal.valid_days))
    return "\n\n".join(blocks)
