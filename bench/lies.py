"""How many planted lies grounding catches, claim by claim, and how many honest sentences it holds against their writer.

Run `python bench/lies.py`, or with `-v` to see each one that was missed. A lie is caught where its claim is
unsupported, which blocks approval. Honest sentences are worded freely, as a language model does, and come from the
drafts of the deterministic drafter too. `first` was looked at while the rules were written. `later` was written
afterwards; before anything was mended for it, 171 of its 184 lies were caught and 5 of its 73 honest sentences held up.
`last` was written after that, and nothing was changed for it: it tells what to expect of sentences never seen.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from agents.catalogue import Catalogue, read_catalogue
from agents.documents import (
    Brief,
    Claim,
    EntityRef,
    Fact,
    FactKey,
    Finding,
    PriceLine,
    Proposal,
    Prospect,
    Section,
    Source,
)
from agents.drafting import draft_proposal
from agents.errors import AgentError
from agents.grounding import check
from agents.providers import open_model
from agents.research import research
from agents.web import MemorySnapshots, open_web

TESTS = Path(__file__).parents[1] / "tests" / "agents"
DRAFTS = TESTS / "grounding" / "drafts"
SETS = ("first", "later", "last")
READ = datetime(2026, 3, 1, tzinfo=UTC)
_NUMBER = re.compile(r"(?<![\w.,])\d{2,}(?![\w]|[.,]\d)")


class Said(NamedTuple):
    """One sentence of a draft, and what came of it."""

    company: str
    language: str
    kind: str
    text: str
    caught: bool
    why: str


def brief_of(company: dict[str, Any]) -> Brief:
    """The brief that a company's sentences rest on."""
    source = Source(
        id="s1",
        address=f"https://{company['domain']}/",
        kind="site",
        fetched_at=READ,
        sha256="a" * 64,
        text_sha256="b" * 64,
        subject_match="match",
        language=company["language"],
    )
    facts = tuple(
        Fact(
            id=one["id"],
            key=FactKey(one["key"]),
            value=one["value"],
            quote=one["quote"],
            source_id="s1",
            start=0,
            end=len(one["quote"]),
            method="rule",
            confidence=0.9,
        )
        for one in company["facts"]
    )
    entity = EntityRef(name=company["name"], domain=company["domain"])
    return Brief(entity=entity, language=company["language"], sources=(source,), facts=facts)


def draft_of(company: dict[str, Any], sentences: list[dict[str, Any]], catalogue: Catalogue) -> Proposal:
    """A draft of these sentences, at the catalogue's prices."""
    claims = tuple(
        Claim(
            id=f"c{number}",
            text=one["text"],
            fact_ids=tuple(one.get("facts", ())),
            catalogue_ids=tuple(one.get("offers", ())),
        )
        for number, one in enumerate(sentences)
    )
    lines = []
    for one in company["lines"]:
        offer = catalogue.offer(one["offer"])
        assert offer is not None
        lines.append(
            PriceLine(
                id=f"line.{offer.id}",
                offer=offer.id,
                name=offer.name,
                quantity=one["quantity"],
                unit=offer.unit,
                unit_price=offer.unit_price,
            )
        )
    return Proposal(
        entity=brief_of(company).entity,
        title=company["name"],
        language=company["language"],
        sections=(Section(key="s1", title="–", claims=claims),),
        lines=tuple(lines),
        currency=catalogue.currency,
        valid_days=catalogue.valid_days,
    )


def findings_of(company: dict[str, Any], proposal: Proposal, catalogue: Catalogue) -> dict[str, Finding]:
    """What grounding says of each claim and line."""
    brief = brief_of(company)
    found = check(proposal, sources=brief.sources, facts=brief.facts, catalogue=catalogue)
    return {one.claim_id: one for one in found}


def judged(company: dict[str, Any], kind: str, sentence: dict[str, Any], catalogue: Catalogue) -> Said:
    """One sentence among the honest ones of its company."""
    proposal = draft_of(company, [*company["honest"], sentence], catalogue)
    found = findings_of(company, proposal, catalogue)[f"c{len(company['honest'])}"]
    caught = found.support == "unsupported"
    return Said(company["name"], company["language"], kind, sentence["text"], caught, "; ".join(found.reasons))


def lies_of(company: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lies that were written down, and every honest sentence with one of its numbers changed."""
    for lie in company["lies"]:
        yield lie["kind"], lie
    for one in company["honest"]:
        for match in _NUMBER.finditer(one["text"]):
            number = int(match[0])
            kind = "year" if 1800 < number < 2100 else "figure"
            if one["text"] and match[0] == "30" and not one.get("facts"):
                continue  # the days an offer stands, which a document says itself
            for other in (number + 7, number * 3):
                changed = one["text"][: match.start()] + str(other) + one["text"][match.end() :]
                yield f"{kind} changed", {**one, "text": changed}


def measured(name: str, catalogue: Catalogue) -> tuple[list[Said], list[Said]]:
    """Every lie and every honest sentence of one set of drafts."""
    companies = tomllib.loads((DRAFTS / f"{name}.toml").read_text("utf-8"))["companies"]
    lies = [judged(company, kind, lie, catalogue) for company in companies for kind, lie in lies_of(company)]
    honest: list[Said] = []
    for company in companies:
        found = findings_of(company, draft_of(company, company["honest"], catalogue), catalogue)
        for number, one in enumerate(company["honest"]):
            finding = found[f"c{number}"]
            caught = finding.support == "unsupported"
            reasons = "; ".join(finding.reasons)
            honest.append(Said(company["name"], company["language"], "free wording", one["text"], caught, reasons))
    return lies, honest


def priced(catalogue: Catalogue) -> list[Said]:
    """Price lines with another price, name, unit or offer than the catalogue's."""
    companies = tomllib.loads((DRAFTS / "first.toml").read_text("utf-8"))["companies"]
    said: list[Said] = []
    for company in companies:
        proposal = draft_of(company, company["honest"], catalogue)
        line = proposal.lines[0]
        for change in (
            {"unit_price": line.unit_price - Decimal(1)},
            {"unit_price": Decimal("0.00")},
            {"name": f"{line.name} Plus"},
            {"unit": "fleet"},
            {"offer": "moon-base"},
        ):
            lying = proposal.model_copy(update={"lines": (line.model_copy(update=change), *proposal.lines[1:])})
            found = findings_of(company, lying, catalogue)[line.id]
            caught = found.support == "unsupported"
            said.append(
                Said(company["name"], company["language"], "price line", str(change), caught, "; ".join(found.reasons))
            )
    return said


def drafted_offline(catalogue: Catalogue) -> list[Said]:
    """Every sentence and price of the deterministic drafter over the corpus of crafted pages."""
    said: list[Said] = []
    for corpus in (TESTS / "corpus", TESTS / "corpus" / "unseen", TESTS / "corpus" / "later"):
        for name, rules in json.loads((corpus / "expected.json").read_text("utf-8")).items():
            said.extend(asyncio.run(_offline(corpus, name, rules, catalogue)))
    return said


async def _offline(corpus: Path, name: str, rules: dict[str, Any], catalogue: Catalogue) -> list[Said]:
    prospect = Prospect(target=str(corpus / name), **rules.get("prospect", {}))
    try:
        read = await research(prospect, web=open_web("offline:"), snapshots=MemorySnapshots(), now=lambda: READ)
        draft = await draft_proposal(read.document, model=open_model("offline:"), catalogue=catalogue)
    except AgentError:
        return []
    texts = {claim.id: claim.text for claim in draft.document.claims}
    return [
        Said(
            name,
            draft.document.language,
            "templates",
            texts.get(one.claim_id, one.claim_id),
            one.support == "unsupported",
            "; ".join(one.reasons),
        )
        for one in draft.findings
    ]


def table(title: str, said: list[Said], *, column: str) -> None:
    """Print how many of each kind and language were held against their writer."""
    kinds: dict[str, list[Said]] = defaultdict(list)
    languages = sorted({one.language for one in said})
    for one in said:
        kinds[one.kind].append(one)
    print(f"\n{title}")
    print(f"  {'':<16}{column:>12}" + "".join(f"{language:>12}" for language in languages))
    for kind, of_kind in [*sorted(kinds.items()), ("all", said)]:
        cells = [of_kind, *([one for one in of_kind if one.language == language] for language in languages)]
        shown = "".join(f"{_cell(cell):>12}" for cell in cells)
        print(f"  {kind:<16}{shown}")


def _cell(said: list[Said]) -> str:
    return f"{sum(one.caught for one in said)} of {len(said)}" if said else ""


def main() -> int:
    """Print the tables; fail where fewer than 95 % of all lies are caught, or more than 5 % of the honest sentences."""
    verbose = "-v" in sys.argv[1:]
    catalogue = read_catalogue()
    every_lie, every_honest = priced(catalogue), list[Said]()
    table("price lines of `first`: lies", every_lie, column="caught")
    for name in SETS:
        lies, honest = measured(name, catalogue)
        every_lie, every_honest = every_lie + lies, every_honest + honest
        table(f"{name}: lies", lies, column="caught")
        table(f"{name}: honest sentences", honest, column="alarms")
        print(f"  {_told(lies, honest)}")
        for one in lies if verbose else ():
            if not one.caught:
                print(f"  missed: {one.language} {one.kind}: {one.text}")
        for one in honest if verbose else ():
            if one.caught:
                print(f"  alarm: {one.language}: {one.text}  [{one.why}]")
    offline = drafted_offline(catalogue)
    table("the deterministic drafter over the corpus", offline, column="alarms")
    print(f"\nall together: {_told(every_lie, every_honest)}")
    shares = _share(every_lie), _share(every_honest), _share(offline)
    return 1 if shares[0] < 0.95 or shares[1] > 0.05 or shares[2] else 0


def _share(said: list[Said]) -> float:
    return sum(one.caught for one in said) / len(said)


def _told(lies: list[Said], honest: list[Said]) -> str:
    return (
        f"{_share(lies):.1%} of {len(lies)} lies caught, {_share(honest):.1%} of {len(honest)} honest sentences held up"
    )


if __name__ == "__main__":
    sys.exit(main())
