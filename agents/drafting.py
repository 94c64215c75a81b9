"""Drafts a proposal from a brief with whichever model is given, and checks every sentence of it."""

from __future__ import annotations

from agents.catalogue import Catalogue
from agents.documents import Brief, Draft, Fact, Finding, Flag, Proposal, contradictions
from agents.errors import DraftingError
from agents.grounding import check
from agents.ports import DraftingTask, Model, SentenceEdit
from agents.texts import money_text


async def draft_proposal(
    brief: Brief,
    *,
    model: Model,
    catalogue: Catalogue,
    feedback: tuple[str, ...] = (),
    previous: Proposal | None = None,
    round: int = 1,  # noqa: A002 - the word the flow and the queue use
    edits: tuple[SentenceEdit, ...] = (),
    run_key: str = "",
) -> Draft[Proposal]:
    """A proposal for the company of this brief, with the facts it rests on and a finding for every claim.

    `feedback` is every reviewer's words so far, oldest first; `previous` the draft that was sent back,
    `edits` what reviewers changed in earlier ones. What a model may spend in a run is counted by `run_key`.

    Raises:
        DraftingError: the model gave no usable draft, or one for another company.
    """
    task = DraftingTask(
        brief=brief,
        catalogue=catalogue,
        feedback=feedback,
        previous=previous,
        round=round,
        edits=edits,
        run_key=run_key,
    )
    drafted = await model.draft(task)
    proposal = drafted.proposal
    if proposal.entity != brief.entity:
        raise DraftingError(
            f"The model {model.name!r} drafted for {proposal.entity.name!r}; the brief is about {brief.entity.name!r}."
        )
    facts = _needed(proposal, brief)
    told_by = {fact.source_id for fact in facts}
    sources = tuple(source for source in brief.sources if source.id in told_by)
    findings = check(proposal, sources=sources, facts=facts, catalogue=catalogue)
    unchanged = () if not (feedback and proposal == previous) else (_UNCHANGED,)
    return Draft[Proposal](
        document=proposal,
        title=proposal.title,
        summary=_summary(proposal, findings),
        sources=sources,
        facts=facts,
        findings=findings,
        flags=(*grounding_flags(findings), *unchanged, *drafted.flags, *_conflict_flags(facts)),
        based_on={"catalogue:": catalogue.version},
        cost=drafted.cost,
    )


_UNCHANGED = Flag(
    code="unchanged", message="This draft reads exactly like the one that was sent back.", severity="high"
)


def _needed(proposal: Proposal, brief: Brief) -> tuple[Fact, ...]:
    """The facts that claims cite, and every contradiction that is still open, in the brief's order."""
    cited = {fact_id for claim in proposal.claims for fact_id in claim.fact_ids}
    contradicted = contradictions(brief.facts)
    return tuple(fact for fact in brief.facts if fact.id in cited or fact.id in contradicted)


def grounding_flags(findings: tuple[Finding, ...]) -> tuple[Flag, ...]:
    """A flag where nothing supports some of the claims."""
    unsupported = [finding for finding in findings if finding.support == "unsupported"]
    if not unsupported:
        return ()
    first = unsupported[0]
    count = "One claim is" if len(unsupported) == 1 else f"{len(unsupported)} claims are"
    message = f"{count} not supported by what is cited; the first: {'; '.join(first.reasons)}."
    return (Flag(code="unsupported_claims", message=message, severity="high"),)


def _conflict_flags(facts: tuple[Fact, ...]) -> tuple[Flag, ...]:
    against = contradictions(facts)
    flags: list[Flag] = []
    seen: set[str] = set()
    for fact in facts:
        group = [fact, *(one for one in facts if one.id in against.get(fact.id, ()))]
        if len(group) < 2 or fact.id in seen:
            continue
        seen |= {one.id for one in group}
        values = " and ".join(dict.fromkeys(one.value for one in group))
        flags.append(
            Flag(code="contradiction", message=f"The sources contradict each other on {_words(fact.key)}: {values}.")
        )
    return tuple(flags)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _summary(proposal: Proposal, findings: tuple[Finding, ...]) -> str:
    lines = ", ".join(f"{line.name} × {line.quantity:,}" for line in proposal.lines) or "No offer"
    supported = sum(finding.support == "supported" for finding in findings)
    checkable = sum(finding.support != "not_applicable" for finding in findings)
    total = money_text(proposal.total, proposal.currency)
    return f"{lines}: {total}. {supported} of {checkable} claims and prices are supported."
