"""What happened in the showcase: four weeks of decisions, and what waits this morning."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from agents.changes import Create, SetField
from agents.documents import Claim, Draft, Proposal
from approvals.decisions import Tag
from approvals.lifecycle import State
from approvals.requests import Request
from flows.demo.papers import CONTRACT, FOLLOW_UP, Clause, ContractTerms, FollowUp, Milestone
from flows.demo.theatre import LENA, RECALL, SAM, TOM, Run, Story, Theatre, person
from flows.steps import BRIEF, CRM_UPDATE, PROPOSAL

Altered = Callable[[Draft[Any]], Draft[Any]]


class Answer(NamedTuple):
    """How one request is answered: by whom, how many minutes after it opened, and in which words."""

    how: str
    by: str = SAM
    minutes: int = 45
    words: str = ""


APPROVE = Answer("approve")
OPEN = Answer("open")
"""Left as it is."""

_REASONS = (
    ("price", "We promised them last year's price."),
    ("scope", "They asked for a pilot, not for the whole fleet."),
    ("other", "We agreed to wait for their answer first."),
)
_FEEDBACK = ("Shorter, please, and drop the onboarding.", "Please be more formal.", "Shorter, please.")
_TAGS: tuple[tuple[Tag, ...], ...] = ((), ("tone",), ("price",), ("scope",), ("fact_wrong",), ("tone", "scope"))
_PAST: tuple[str, ...] = (
    "nethercote-cold-store", "orrin-toolmakers", "penhallow-stays", "quarrington-vans", "rosewarne-mills",
    "sallow-bay-clinics", "thrapley-distribution", "larkspur-gearworks", "kittering-carriers", "jessamy-care",
    "inverlark-hotels", "hollin-precision", "greyfell-freight", "fennimore-rehab", "eastlight-castings",
    "dunmarrow-transport", "corriemoor-clinics", "brindle-and-moss-machining", "arkwell-logistics", "mossgate-medical",
)  # fmt: skip


def stories(theatre: Theatre, now: datetime) -> Iterator[Story]:
    """Everything that happens, each story on its own; the theatre plays them in order of time."""
    yield from _four_weeks(theatre, now)
    yield from _this_morning(theatre, now)


def _four_weeks(theatre: Theatre, now: datetime) -> Iterator[Story]:
    chance = theatre.chance
    for name, employees in (
        ("arkwell-logistics", "95"),
        ("brindle-and-moss-machining", "40"),
        ("osmer-valve-works", "210"),
    ):
        begins = now - timedelta(days=28)
        yield known(theatre, theatre.run(name), begins, employees=employees, founded="1949", phone="+44 1632 960000")
    for number, name in enumerate(_PAST):
        begins = (now - timedelta(days=27 - number * 1.25)).replace(
            hour=chance.randint(7, 15), minute=chance.randint(0, 59)
        )
        by = chance.choice((SAM, SAM, TOM))
        minutes = int(chance.lognormvariate(4.2, 0.9))
        how = ("approve", "edit", "approve", "edit", "reject", "approve", "return")[number % 7]
        words = chance.choice(_FEEDBACK) if how == "return" else ""
        answers = [Answer(how, by, minutes, words)]
        if how == "return":
            answers.append(Answer("edit", by, chance.randint(5, 90)))
        crm = Answer(
            "reject" if number % 9 == 8 else "edit" if number % 5 == 3 else "approve", SAM, chance.randint(3, 240)
        )
        yield journey(theatre, theatre.run(name), begins, proposal=answers, crm=[crm])
        if number % 2:
            written = begins + timedelta(days=2, minutes=chance.randint(0, 200))
            letter = Answer(
                ("approve", "edit", "reject")[number % 3], chance.choice((SAM, TOM)), chance.randint(2, 300)
            )
            if written < now - timedelta(hours=12):
                yield follow_up(theatre, theatre.run(name, flow="follow-up"), written, letter)


def _this_morning(theatre: Theatre, now: datetime) -> Iterator[Story]:
    def ago(*, days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
        return now - timedelta(days=days, hours=hours, minutes=minutes)

    def run(name: str, number: int = 2, **options: Any) -> Run:
        return theatre.run(name, number=number, **options)

    returned = Answer("return", TOM, 95, "Shorter, please, and drop the onboarding.")
    yield journey(theatre, run("halden-freight"), ago(hours=20), proposal=[OPEN])
    yield journey(theatre, run("kestrel-feinwerk"), ago(days=1, hours=4), proposal=[OPEN])
    yield journey(
        theatre, run("marlow-clinics"), ago(days=1), brief=Answer("approve", TOM, 40), proposal=[returned, OPEN]
    )
    yield journey(theatre, run("tarnbeck-haulage"), ago(days=3, hours=1, minutes=42), proposal=[OPEN])
    yield journey(
        theatre, run("osmer-valve-works"), ago(days=2, hours=23, minutes=18), proposal=[OPEN], alter=overstated
    )
    yield journey(theatre, run("pellworth-physio"), ago(days=2, hours=5), proposal=[OPEN], alter=disguised)
    yield journey(theatre, run("gullhaven-hotels"), ago(days=1, hours=22), proposal=[OPEN], alter=misquoted)
    yield journey(theatre, run("eastlight-castings"), ago(hours=5), proposal=[Answer("claim", TOM, 292)])
    yield journey(theatre, run("fennimore-rehab"), ago(days=3, hours=18), proposal=[Answer("lapse", SAM, 4_325)])
    yield journey(theatre, run("greyfell-freight"), ago(hours=2), proposal=[OPEN])
    yield journey(theatre, run("hollin-precision"), ago(minutes=52), proposal=[OPEN], alter=unsourced)
    yield journey(theatre, run("inverlark-hotels"), ago(minutes=12), proposal=[OPEN])
    yield journey(theatre, run("thrapley-distribution"), ago(days=1, hours=9), proposal=[OPEN])
    yield journey(theatre, run("larkspur-gearworks"), ago(days=2, hours=21), proposal=[OPEN])
    yield journey(theatre, run("quarrington-vans"), ago(hours=8), brief=OPEN)
    yield journey(theatre, run("penhallow-stays"), ago(days=1, hours=23, minutes=31), brief=OPEN)
    yield journey(theatre, run("rosewarne-mills"), ago(hours=3), brief=OPEN)
    yield journey(theatre, run("penhallow-stays", 3), ago(hours=26), brief=Answer("approve", TOM, 30), proposal=[OPEN])
    quick = [Answer("approve", SAM, 25)]
    yield journey(theatre, run("arkwell-logistics"), ago(days=1, hours=6), proposal=quick, crm=[OPEN])
    yield moved(theatre, run("arkwell-logistics"), ago(hours=1, minutes=10), field="employees", after="1200")
    yield journey(theatre, run("brindle-and-moss-machining"), ago(hours=6), proposal=quick, crm=[OPEN])
    yield journey(theatre, run("dunmarrow-transport"), ago(hours=4), proposal=[Answer("edit", TOM, 30)], crm=[OPEN])
    yield journey(theatre, run("mossgate-medical"), ago(days=2, hours=2), proposal=quick, crm=[OPEN])
    yield follow_up(theatre, run("nethercote-cold-store", flow="follow-up"), ago(hours=7, minutes=24), OPEN)
    yield follow_up(theatre, run("orrin-toolmakers", flow="follow-up"), ago(hours=8, minutes=31), OPEN)
    yield follow_up(theatre, run("sallow-bay-clinics", flow="follow-up"), ago(hours=1), OPEN)
    yield follow_up(theatre, run("kittering-carriers", flow="follow-up"), ago(minutes=25), OPEN)
    yield contract(theatre, run("corriemoor-clinics", flow="contract"), ago(days=2), Answer("approve", LENA, 600))
    yield contract(theatre, run("nethercote-cold-store", flow="contract"), ago(days=1, hours=3), OPEN)
    yield contract(theatre, run("jessamy-care", flow="contract"), ago(hours=9), OPEN)
    words = "@mara the clause on price changes is new. Is that agreed?"
    yield said(theatre, run("corriemoor-clinics", flow="contract"), ago(hours=20), LENA, words)
    yield said(theatre, run("tarnbeck-haulage"), ago(days=1), TOM, "I called them; they need it this week.")
    yield said(theatre, run("osmer-valve-works"), ago(hours=3), SAM, "@tom where does the 7 come from?")
    yield put_off(theatre, run("kestrel-feinwerk"), ago(hours=2), SAM, 6)


# -- what a run goes through -------------------------------------------------------------------------------------


def journey(
    theatre: Theatre,
    run: Run,
    begins: datetime,
    *,
    brief: Answer = APPROVE,
    proposal: Sequence[Answer] = (APPROVE,),
    crm: Sequence[Answer] = (APPROVE,),
    alter: Altered | None = None,
) -> Story:
    """An outreach run: brief, proposal in as many rounds as there are answers, CRM update."""
    yield begins
    request = theatre.ask(run, BRIEF, theatre.brief(run))
    if request.is_open:
        request = yield from answered(theatre, run, request, brief)
        if request.is_open:
            return
    else:
        theatre.take_up(run, request)
    feedback: tuple[str, ...] = ()
    previous: Proposal | None = None
    before: str | None = None
    for round_, answer in enumerate(proposal, start=1):
        draft = theatre.proposal(run, feedback=feedback, previous=previous)
        draft = theatre.flagged(alter(draft)) if alter else draft
        request = theatre.ask(run, PROPOSAL, draft, round_=round_, supersedes=before)
        request = yield from answered(theatre, run, request, answer)
        feedback, previous, before = (*feedback, answer.words), draft.document, request.id
    if request.state is not State.APPROVED or request.ruling is None or request.ruling.document is None:
        return
    update = theatre.update(run, Proposal.model_validate_json(request.ruling.document))
    for answer in crm:
        asked = theatre.ask(run, CRM_UPDATE, update)
        yield from answered(theatre, run, asked, answer)


def follow_up(theatre: Theatre, run: Run, begins: datetime, answer: Answer) -> Story:
    """A letter to whoever has not answered an offer."""
    yield begins
    brief = theatre.brief(run).document
    entity = brief.entity
    letter = FollowUp(
        entity=entity,
        to=f"hello@{entity.domain}",
        subject=f"Your offer from Brightwater Signals, {entity.name}",
        send_on=begins.date() + timedelta(days=1),
        body=(
            f"Good morning,\n\nlast week we sent **{entity.name}** an offer. Two things may help you decide:\n\n"
            "- the first team is set up within four weeks\n- the price is per year, without a minimum term\n\n"
            f"Have you had a chance to look at it? Our answers to common questions are at "
            f"[our help pages](https://brightwater.example/help).\n\nKind regards\nBrightwater Signals"
        ),
    )
    draft = Draft[FollowUp](document=letter, title=f"Follow-up to {entity.name}", summary=letter.subject)
    request = theatre.ask(run, FOLLOW_UP, draft)
    yield from answered(theatre, run, request, answer)


def contract(theatre: Theatre, run: Run, begins: datetime, answer: Answer) -> Story:
    """Terms that two people must sign."""
    yield begins
    entity = theatre.brief(run).document.entity
    starts = date(begins.year + (begins.month == 12), begins.month % 12 + 1, 1)
    terms = ContractTerms.model_validate(
        {
            "entity": entity.model_dump(),
            "starts_on": starts.isoformat(),
            "notice_days": theatre.chance.choice((30, 60, 90)),
            "liability_cap": "50000.00",
            "milestones": [
                Milestone(name="Guided onboarding", due=starts + timedelta(days=28), amount=Decimal("4800.00")),
                Milestone(name="First year", due=starts + timedelta(days=30), amount=Decimal("16340.00")),
            ],
            "clauses": [
                Clause(heading="Service hours", text="Support answers on working days from 8 to 18 o'clock."),
                Clause(heading="Data location", text="All data stays in the European Union.", risk="changed"),
                Clause(
                    heading="Price changes",
                    text="Prices may rise once a year, by no more than the consumer price index.",
                    risk="new",
                ),
            ],
        }
    )
    draft = Draft[ContractTerms](
        document=terms,
        title=f"Contract terms for {entity.name}",
        summary="Two clauses differ from the standard terms.",
    )
    request = theatre.ask(run, CONTRACT, draft)
    yield from answered(theatre, run, request, answer)


def known(theatre: Theatre, run: Run, at: datetime, **fields: str) -> Story:
    """The company stands in the CRM already, with what somebody once typed."""
    yield at
    company = run.company
    record = {"name": company.name, "domain": company.domain, **fields}
    theatre.agents.crm.apply(Create(object="company", key=f"co:{company.domain}", fields=record), by=TOM)


def said(theatre: Theatre, run: Run, at: datetime, by: str, words: str) -> Story:
    """Somebody says something beside what waits of a run."""
    yield at
    for request in theatre.waiting(run):
        theatre.approvals.service.comment(request.id, words, person(by))


def put_off(theatre: Theatre, run: Run, at: datetime, by: str, hours: int) -> Story:
    """Somebody does not want to see what waits of a run for a while."""
    yield at
    for request in theatre.waiting(run):
        theatre.approvals.service.snooze(request.id, person(by), at + timedelta(hours=hours))


def moved(theatre: Theatre, run: Run, at: datetime, *, field: str, after: str) -> Story:
    """Somebody changes the company in the CRM while its update waits."""
    yield at
    key = f"co:{run.company.domain}"
    record = theatre.agents.crm.read("company", key)
    before = record.fields.get(field) if record else None
    change = SetField(object="company", key=key, field=field, before=before, after=after)
    theatre.agents.crm.apply(change, by=TOM)


# -- how requests are answered -----------------------------------------------------------------------------------


def answered(theatre: Theatre, run: Run, request: Request, answer: Answer) -> Generator[datetime, None, Request]:
    """The request as somebody left it; taken up where it was decided."""
    service, by = theatre.approvals.service, person(answer.by)
    if answer.how == "open":
        return request
    yield theatre.clock.now + timedelta(minutes=answer.minutes, seconds=theatre.chance.randint(1, 59))
    match answer.how:
        case "claim":
            return service.claim(request.id, by)
        case "lapse":
            return theatre.approvals.deadlines.lapse(request.id)
        case "approve":
            vouched = service.examine(request).unsupported
            decided = service.approve(request.id, by, version=request.version, vouched=vouched, recall=RECALL)
        case "edit":
            document = edited(theatre, request)
            vouched = service.examine(request, document).unsupported
            tags = theatre.chance.choice(_TAGS)
            decided = service.approve(
                request.id, by, version=request.version, edited=document, vouched=vouched, recall=RECALL, tags=tags
            )
        case "reject":
            code, reason = theatre.chance.choice(_REASONS)
            decided = service.reject(
                request.id, by, version=request.version, reason=answer.words or reason, code=code, recall=RECALL
            )
        case _:
            decided = service.send_back(request.id, by, version=request.version, feedback=answer.words, recall=RECALL)
    if decided.is_open:
        return decided
    yield theatre.clock.now + timedelta(seconds=RECALL + 2)
    return theatre.take_up(run, decided)


def edited(theatre: Theatre, request: Request) -> Any:
    """What a reviewer typically changes in a document of this kind."""
    document = request.content.value()
    match request.identity.gate:
        case "proposal":
            _edit_proposal(document, theatre.chance.randint(0, 3))
        case "crm_update":
            document["changes"][-1]["apply"] = False
        case "follow_up":
            document["body"] = document["body"].replace("last week", "recently").replace("Kind regards", "Best wishes")
            document["tone"] = "formal"
    return document


def _edit_proposal(document: Any, which: int) -> None:
    sections = document["sections"]
    if which == 0:
        document["valid_days"] = 14
    elif which == 1 and len(sections[0]["claims"]) > 1:
        sections[0]["claims"].pop()
    elif which == 2:
        sections[-1]["claims"][-1]["text"] = "Shall we talk about it for half an hour next week?"
    else:
        dropped = document["lines"].pop()["offer"]
        for section in sections:
            section["claims"] = [claim for claim in section["claims"] if dropped not in claim["catalogue_ids"]]


# -- drafts that went wrong --------------------------------------------------------------------------------------


def overstated(draft: Draft[Any]) -> Draft[Any]:
    """A claim with a figure that no source has."""
    return _reworded(
        draft, lambda claim: claim.text.replace("1", "7", 1) if any(c == "1" for c in claim.text) else None
    )


def disguised(draft: Draft[Any]) -> Draft[Any]:
    """A claim with characters that nobody sees, and one that turns the reading direction."""
    return _reworded(draft, lambda claim: f"{claim.text[:12]}\u200b{claim.text[12:]} \u202egnihton\u202c")


def unsourced(draft: Draft[Any]) -> Draft[Any]:
    """A claim that states something of the customer and names no source."""
    proposal: Proposal = draft.document
    claim = Claim(id="remark", text=f"{proposal.entity.name} doubled its output in 2025.")
    first, *others = proposal.sections
    changed = first.model_copy(update={"claims": (*first.claims, claim)})
    return draft.model_copy(update={"document": proposal.model_copy(update={"sections": (changed, *others)})})


def misquoted(draft: Draft[Any]) -> Draft[Any]:
    """A fact whose quote its source does not have."""
    cited = next(iter(claim.fact_ids[0] for claim in draft.document.claims if claim.fact_ids))
    facts = tuple(
        fact.model_copy(update={"quote": f"{fact.quote}, as everybody in the trade knows"})
        if fact.id == cited
        else fact
        for fact in draft.facts
    )
    return draft.model_copy(update={"facts": facts})


def _reworded(draft: Draft[Any], words: Callable[[Claim], str | None]) -> Draft[Any]:
    proposal: Proposal = draft.document
    sections, done = [], False
    for section in proposal.sections:
        claims = []
        for claim in section.claims:
            text = words(claim) if claim.fact_ids and not done else None
            done = done or text is not None
            claims.append(claim.model_copy(update={"text": text}) if text else claim)
        sections.append(section.model_copy(update={"claims": tuple(claims)}))
    return draft.model_copy(update={"document": proposal.model_copy(update={"sections": tuple(sections)})})
