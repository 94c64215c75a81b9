"""How documents read to a person: amounts in words of a language, and whole documents as plain text."""

from __future__ import annotations

from decimal import Decimal

from agents.changes import AddNote, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Brief, CrmUpdate, FactKey, PriceLine, Proposal

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


def render_brief(brief: Brief) -> str:
    """The brief as plain text: every fact under its key, then what is open and what was not found."""
    entity = brief.entity
    blocks = [" · ".join(part for part in (entity.name, entity.legal_name, entity.domain, entity.country) if part)]
    for key in FactKey:
        if facts := brief.of(key):
            values = "\n".join(f"- {fact.value}{' (contradicted)' if fact.conflicts_with else ''}" for fact in facts)
            blocks.append(f"{_words(key)}\n{values}")
    if brief.open_questions:
        blocks.append("\n".join(["Open questions", *(f"- {question}" for question in brief.open_questions)]))
    if brief.not_found:
        blocks.append(f"Not found: {', '.join(key.replace('_', ' ') for key in brief.not_found)}")
    return "\n\n".join(blocks)


def render_update(update: CrmUpdate) -> str:
    """The CRM update as plain text: each change in its order, what it would do, and why."""
    blocks = [f"Changes in {update.crm} for {update.entity.name}"]
    for number, change in enumerate(update.changes, 1):
        left_out = "" if change.apply else "NOT TO BE DONE: "
        why = f"\n  because: {change.why}" if change.why else ""
        blocks.append(f"{number}. {left_out}{_change_text(change)}{why}")
    return "\n\n".join(blocks)


def _change_text(change: Change) -> str:
    if isinstance(change, Create):
        fields = "\n".join(f"  {_words(name)}: {value}" for name, value in change.fields.items())
        return f"Create the {change.object} {change.key}\n{fields}".rstrip()
    if isinstance(change, SetField):
        before = "empty" if change.before is None else f"“{change.before}”"
        return f"Set {change.field} of the {change.object} {change.key}\n  from {before} to “{change.after}”"
    if isinstance(change, AddNote):
        body = "\n".join(f"  | {line}" for line in change.body.splitlines())
        return f"Add the note {change.key} to the {change.object} {change.about}\n{body}"
    if isinstance(change, Remove):
        return f"Archive the {change.object} {change.key}"
    if isinstance(change, RemoveNote):
        return f"Take the note {change.key} away from the {change.object} {change.about}"
    if isinstance(change, Dissociate):
        return f"Unlink the {change.object} {change.key} from the {change.to_object} {change.to_key}"
    return f"Link the {change.object} {change.key} with the {change.to_object} {change.to_key}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
