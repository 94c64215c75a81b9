"""Says in plain sentences what follows when a document is approved, derived from the document as it would be signed."""

from __future__ import annotations

from agents.changes import AddNote, Associate, Change, Create, Dissociate, Remove, RemoveNote, SetField
from agents.documents import Brief, CrmUpdate, Proposal
from agents.ports import Crm
from agents.records import Records, count, short, words
from agents.texts import line_text, money_text
from agents.values import Document

MOST = 12


def consequences(document: Document, *, crm: Crm) -> tuple[str, ...]:
    """What approving this brief, proposal or CRM update leads to, in at most twelve sentences."""
    if isinstance(document, Brief):
        return tuple(_of_brief(document))
    if isinstance(document, Proposal):
        return tuple(_of_proposal(document))
    if isinstance(document, CrmUpdate):
        return tuple(_of_update(document, crm))
    return ()


def _of_brief(brief: Brief) -> list[str]:
    facts, sources = count(len(brief.facts), "fact"), count(len(brief.sources), "source")
    return [
        f"The run goes on to draft a proposal for {brief.entity.name} from {facts} of {sources}.",
        "The proposal waits for its own approval.",
        "Nothing is sent to anyone and nothing is written to the CRM.",
    ]


def _of_proposal(proposal: Proposal) -> list[str]:
    sentences = [f"Offers {proposal.entity.name} {line_text(line, proposal.currency)}." for line in proposal.lines]
    total = money_text(proposal.total, proposal.currency)
    if len(sentences) > MOST - 3:
        sentences = [f"Offers {proposal.entity.name} {count(len(proposal.lines), 'price line')}."]
    return [
        *(sentences or [f"Offers {proposal.entity.name} nothing at a price: there are no price lines."]),
        f"The run goes on to plan the CRM update from this text, with the total of {total} as the deal amount.",
        "The CRM update waits for its own approval; until then nothing is written.",
        "Nothing is sent to the customer.",
    ]


def _of_update(update: CrmUpdate, crm: Crm) -> list[str]:
    if update.crm != crm.address:
        return [f"Nothing is written: the update is for {update.crm}, and {crm.address} is open here."]
    speaker = _Speaker(Records(update, crm))
    sentences = [speaker.sentence(change) for change in update.changes if change.apply]
    left_out = sum(not change.apply for change in update.changes)
    if not sentences:
        return ["Nothing is written to the CRM: every change is unticked.", "The run ends there."]
    if left_out:
        sentences.insert(0, f"Leaves out {count(left_out, 'unticked change')}.")
    if len(sentences) > MOST - 1:
        more = len(sentences) - MOST + 2
        sentences = [*sentences[: MOST - 2], f"And {more} more changes, listed in the document."]
    return [*sentences, "The run writes exactly this, once, and ends there."]


class _Speaker:
    """Words for the changes of one update, with the names and values the CRM holds now."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def sentence(self, change: Change) -> str:
        match change:
            case Create():
                return self._create(change)
            case SetField():
                return self._set_field(change)
            case AddNote():
                the = self._records.the(change.object, change.about)
                return f"Adds a note of {len(change.body):,} characters to {the}."
            case Associate():
                return f"Links {self._both(change)}."
            case Remove():
                return self._remove(change)
            case RemoveNote():
                the = self._records.the(change.object, change.about)
                return f"Takes a note of {len(change.body):,} characters away from {the}."
            case Dissociate():
                return f"Takes the link between {self._both(change, 'and')} away."

    def _create(self, change: Create) -> str:
        told = [
            f"{words(field)} {self._records.value(change.object, change.key, field, value)}"
            for field, value in change.fields.items()
            if field != "name"
        ]
        details = f" with {', '.join(told[:4])}" if told else ""
        more = f" and {count(len(told) - 4, 'more field')}" if len(told) > 4 else ""
        record = self._records.read(change.object, change.key)
        existing = " — it exists by now, so only a record equal to this one counts as done" if record else ""
        name = change.fields.get("name") or change.key
        return f"Creates the {change.object} {short(name)}{details}{more}{existing}."

    def _set_field(self, change: SetField) -> str:
        record = self._records.read(change.object, change.key)
        now = record.fields.get(change.field) if record else None
        now_text = f"now {self._records.value(change.object, change.key, change.field, now)}" if now else "now empty"
        what = f"the {change.object} {words(change.field)} of {self._records.name(change.object, change.key)}"
        if not change.after:
            return f"Clears {what} ({now_text})."
        return (
            f"Sets {what} to {self._records.value(change.object, change.key, change.field, change.after)} ({now_text})."
        )

    def _remove(self, change: Remove) -> str:
        the = self._records.the(change.object, change.key)
        if self._records.capabilities.restores:
            return f"Archives {the}; it can be brought back."
        return f"Archives {the}, for good as far as this CRM says."

    def _both(self, change: Associate | Dissociate, word: str = "with") -> str:
        one = self._records.the(change.object, change.key)
        return f"{one} {word} {self._records.the(change.to_object, change.to_key)}"
