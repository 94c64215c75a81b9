"""Plans what changes in the CRM, by reading it only. Each change says why and names the facts behind it."""

from __future__ import annotations

from agents.catalogue import Catalogue
from agents.changes import AddNote, Associate, Change, Create, CrmObject, FieldPolicy, SetField
from agents.documents import Brief, CrmUpdate, Draft, EntityRef, Fact, FactKey, Flag, Proposal, contradictions
from agents.fields import Fields, read_fields
from agents.ports import Crm
from agents.texts import money_text, render_text

__all__ = ["moved", "plan_update", "planned", "render_text"]

APPROVED_STAGE = "Proposal approved"
CATALOGUE = "catalogue:"
ABSENT = "absent"
CONFIDENT = 0.8
"""A value somebody put into the CRM is proposed to change only on a fact at least this sure."""


async def plan_update(
    proposal: Proposal,
    brief: Brief,
    *,
    crm: Crm,
    catalogue: Catalogue,
    run_key: str,
    fields: Fields | None = None,
    feedback: tuple[str, ...] = (),
) -> Draft[CrmUpdate]:
    """What to change in the CRM once this proposal is signed: company, contact, deal, note and their links.

    Which fact fills which field, and whether over what it holds, is what `fields` say; without them, those that ship.
    What a record holds is planned to change only where one fact says so confidently and no other contradicts it.
    `run_key` makes the deal's and the note's keys this run's own.
    """
    return planned(proposal, brief, crm=crm, catalogue=catalogue, run_key=run_key, fields=fields, feedback=feedback)


def planned(
    proposal: Proposal,
    brief: Brief,
    *,
    crm: Crm,
    catalogue: Catalogue,
    run_key: str,
    fields: Fields | None = None,
    feedback: tuple[str, ...] = (),
) -> Draft[CrmUpdate]:
    """What `plan_update` plans, for whoever cannot wait."""
    plan = _Plan(crm, brief, fields or read_fields())
    company_key = proposal.entity.external_key
    plan.company(proposal.entity, company_key)
    contact_key = plan.contact(proposal.entity)
    deal = deal_key(proposal.entity, run_key)
    plan.deal(proposal, deal)
    plan.add(
        AddNote(
            key=note_key(run_key),
            object="deal",
            about=deal,
            body=render_text(proposal),
            why="Keeps the signed proposal with the deal.",
        )
    )
    plan.link("deal", deal, "company", company_key, f"The deal is {proposal.entity.name}'s.")
    if contact_key:
        plan.link("contact", contact_key, "company", company_key, f"The address is {proposal.entity.name}'s.")
    for words in feedback:
        plan.flags.append(
            Flag(
                code="feedback_not_followed",
                message=f"Planning follows the proposal and cannot follow “{words}”: edit the changes or untick them.",
            )
        )
    update = CrmUpdate(crm=crm.address, entity=proposal.entity, changes=tuple(plan.changes))
    cited = {fact_id for change in update.changes for fact_id in change.fact_ids}
    facts = tuple(fact for fact in brief.facts if fact.id in cited)
    told_by = {fact.source_id for fact in facts}
    return Draft[CrmUpdate](
        document=update,
        title=f"CRM update for {proposal.entity.name}",
        summary=_summary(update, proposal),
        sources=tuple(source for source in brief.sources if source.id in told_by),
        facts=facts,
        flags=tuple(plan.flags),
        based_on={**plan.based_on, CATALOGUE: catalogue.version},
    )


def deal_key(entity: EntityRef, run_key: str) -> str:
    """The key of the deal that a run makes for this company."""
    return f"dl:{entity.external_key.removeprefix('co:')}:{run_key}"


def note_key(run_key: str) -> str:
    """The key of the note that keeps a run's signed proposal."""
    return f"nt:{run_key}:proposal"


def moved(based_on: dict[str, str], *, crm: Crm, catalogue: Catalogue) -> dict[str, tuple[str, str]]:
    """What is no longer as it was read: address -> (version then, version now). Empty where nothing moved."""
    changed: dict[str, tuple[str, str]] = {}
    for address, was in based_on.items():
        now = _version_at(address, crm, catalogue)
        if now != was:
            changed[address] = (was, now)
    return changed


def _version_at(address: str, crm: Crm, catalogue: Catalogue) -> str:
    if address == CATALOGUE:
        return catalogue.version
    if address.startswith(crm.address):
        name, _, key = address.removeprefix(crm.address).partition("/")
        for known in crm.describe():
            if known == name:
                record = crm.read(known, key)
                return record.version if record else ABSENT
    return f"not to be read through {crm.address}"


Told = tuple[str, Fact | None]
"""A value, and the fact that says so; None where nothing but the company or the proposal itself does."""


class _Plan:
    """The changes so far, and what they were planned from."""

    def __init__(self, crm: Crm, brief: Brief, fields: Fields) -> None:
        self._crm = crm
        self._there = crm.describe()
        self._rules = fields
        self._titles: dict[str, str] = {source.id: source.title or source.address for source in brief.sources}
        self._brief = brief
        self._against = contradictions(brief.facts)
        self.changes: list[Change] = []
        self.flags: list[Flag] = []
        self.based_on: dict[str, str] = {}

    def add(self, change: Change) -> None:
        self.changes.append(change)

    def company(self, entity: EntityRef, key: str) -> None:
        told: dict[str, Told] = {}
        for field, rule in self._rules.company.items():
            if rule.source in set(FactKey):
                fact = self._surest(FactKey(rule.source), field)
                if fact is not None:
                    told[rule.source] = (fact.value, fact)
        known = {
            "name": entity.name,
            "legal_name": entity.legal_name,
            "domain": entity.domain,
            "country": entity.country,
        }
        for source, value in known.items():
            if value:
                fact = told.get(source, ("", None))[1]
                told[source] = (value, fact if fact and alike(fact.value, value) else None)
        self._upsert("company", key, told, f"{entity.name} is not in the CRM yet.")

    def contact(self, entity: EntityRef) -> str | None:
        """Plan the business contact; its key, or None where no e-mail address was found."""
        fact = self._best(FactKey.EMAIL)
        if fact is None:
            return None
        email = fact.value.strip().lower().removeprefix("mailto:")
        key = f"ct:{email}"
        told: dict[str, Told] = {"email": (email, fact)}
        person = self._best(FactKey.CONTACT_PERSON)
        # A name and an address on one page are not yet one person: the quote must hold both.
        if person is not None and (email in person.quote.lower() or person.value.lower() in fact.quote.lower()):
            told["contact_person"] = (person.value, person)
        else:
            told["contact_person"] = (f"{entity.name} ({email.partition('@')[0]})", None)
        self._upsert("contact", key, told, f"{email} is not in the CRM yet.")
        return key

    def deal(self, proposal: Proposal, key: str) -> None:
        why = f"The price lines come to {money_text(proposal.total, proposal.currency)}."
        told: dict[str, Told] = {
            "title": (proposal.title, None),
            "total": (str(proposal.total), None),
            "currency": (proposal.currency, None),
            "stage": (APPROVED_STAGE, None),
        }
        self._upsert("deal", key, told, why, ours=True)

    def link(self, one: CrmObject, key: str, other: CrmObject, other_key: str, why: str) -> None:
        self.add(Associate(object=one, key=key, to_object=other, to_key=other_key, why=why))

    def _upsert(self, kind: CrmObject, key: str, told: dict[str, Told], why: str, *, ours: bool = False) -> None:
        record = self._crm.read(kind, key)
        self.based_on[f"{self._crm.address}{kind}/{key}"] = record.version if record else ABSENT
        wanted = [
            (field, rule, *told[rule.source])
            for field, rule in self._rules.of(kind).items()
            if rule.source in told and rule.policy != "never" and field in self._there[kind]
        ]
        if record is None:
            cited = [fact for _, _, _, fact in wanted if fact]
            self.add(
                Create(
                    object=kind,
                    key=key,
                    fields={field: value for field, _, value, _ in wanted},
                    policy="fill_empty",
                    why=" ".join([why, *(self._says(fact) for fact in cited[:3])]),
                    fact_ids=tuple(dict.fromkeys(fact.id for fact in cited)),
                )
            )
            return
        for field, rule, value, fact in wanted:
            before = record.fields.get(field)
            after = _after(before, value, rule.policy)
            if after is None or not (before is None or ours or rule.policy == "append" or self._is_sure(fact)):
                continue
            reason = self._says(fact) if fact else why if ours else f"The field is empty; research names {value}."
            self.add(
                SetField(
                    object=kind,
                    key=key,
                    field=field,
                    before=before,
                    after=after,
                    policy=rule.policy,
                    why=reason,
                    fact_ids=(fact.id,) if fact else (),
                )
            )
            if before is not None and not ours and rule.policy == "overwrite":
                self.flags.append(
                    Flag(
                        code="crm_overwrite",
                        message=f"The {kind}'s {field} would change from {before!r} to {value!r}. {reason}",
                    )
                )

    @staticmethod
    def _is_sure(fact: Fact | None) -> bool:
        return fact is not None and fact.confidence >= CONFIDENT

    def _surest(self, key: FactKey, field: str) -> Fact | None:
        """The surest fact under this key; None, with a flag, where the sources contradict each other."""
        fact = self._best(key)
        against = [one for one in self._usable(key) if one.id in self._against]
        if fact is None and against:
            values = " and ".join(sorted({one.value for one in against}))
            self.flags.append(
                Flag(
                    code="crm_field_left",
                    message=f"The company's {field} is left alone: the sources contradict each other ({values}).",
                )
            )
        return fact

    def _usable(self, key: FactKey) -> list[Fact]:
        theirs = {source.id for source in self._brief.sources if source.subject_match != "other"}
        return [fact for fact in self._brief.of(key) if fact.source_id in theirs]

    def _best(self, key: FactKey) -> Fact | None:
        """The surest fact under this key, or None where there is none or the sources contradict each other."""
        usable = [fact for fact in self._usable(key) if fact.id not in self._against]
        return max(usable, key=lambda fact: fact.confidence, default=None)

    def _says(self, fact: Fact) -> str:
        quote = " ".join(fact.quote.split())
        title = self._titles.get(fact.source_id, "The source")
        return f"“{title}” says: “{quote[:200]}{'…' if len(quote) > 200 else ''}”."


def _after(before: str | None, value: str, policy: FieldPolicy) -> str | None:
    """What a field will hold; None where it stays as it is."""
    if before is None:
        return value
    if alike(before, value) or policy in ("fill_empty", "never"):
        return None
    if policy == "append":
        return None if _plain(value) in _plain(before) else f"{before}\n{value}"
    return value


def alike(one: str, other: str) -> bool:
    """Whether two spellings say the same: case, spaces, and the marks in addresses and phone numbers do not count."""
    return _plain(one) == _plain(other)


def _plain(value: str) -> str:
    text = value.strip().casefold().removeprefix("https://").removeprefix("http://").removeprefix("www.")
    return "".join(letter for letter in text if letter.isalnum() or letter in ".,@+%").rstrip(".,")


def _summary(update: CrmUpdate, proposal: Proposal) -> str:
    created = [change.object for change in update.changes if isinstance(change, Create)]
    changed = sum(isinstance(change, SetField) for change in update.changes)
    parts = []
    if created:
        parts.append(f"creates {', '.join(created)}")
    if changed:
        parts.append(f"changes {changed} field{'s' if changed > 1 else ''}")
    parts.append(f"files the proposal of {money_text(proposal.total, proposal.currency)} as a note")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
