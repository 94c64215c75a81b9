"""A stage: real queue, real agents and a clock that is set, where stories are played in order of time."""

from __future__ import annotations

import asyncio
import dataclasses
import heapq
import random
from collections.abc import Callable, Generator, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from agents.applying import apply_update
from agents.bootstrap import Agents
from agents.bootstrap import build as build_agents
from agents.documents import Brief, CrmUpdate, Draft, Proposal, Prospect
from agents.drafting import draft_proposal, grounding_flags
from agents.grounding import check
from agents.planning import plan_update
from agents.research import research
from agents.settings import Settings as AgentSettings
from approvals.bootstrap import Approvals
from approvals.bootstrap import build as build_approvals
from approvals.decisions import ALL_VERDICTS, Actor, VerdictKind
from approvals.lifecycle import OPEN
from approvals.people import add_person
from approvals.ports import Person, Wanted
from approvals.requests import Identity, Request, RunReference
from approvals.settings import read_settings
from flows.demo.companies import Company, InventedWeb, companies
from flows.examiner import ClassExaminer
from flows.gates import Gate
from flows.questions import proposed
from flows.steps import BRIEF, CRM_UPDATE, PROPOSAL

Story = Generator[datetime, None, None]
"""Something that happens in time: it yields the moment at which it goes on."""

SAM = "sam@brightwater.example"
TOM = "tom@brightwater.example"
MARA = "mara@brightwater.example"
LENA = "lena@brightwater.example"
ROOT = "root@brightwater.example"
RITA = "rita@brightwater.example"
PEOPLE = (
    Person(email=SAM, name="Sam Okoro", groups=("sales", "revops")),
    Person(email=TOM, name="Tom Aldridge", groups=("sales",)),
    Person(email=MARA, name="Mara Lindqvist", groups=("managers",)),
    Person(email=LENA, name="Lena Brandt", groups=("legal",)),
    Person(email=RITA, name="Rita Moreau", groups=("revops",)),
    Person(email=ROOT, name="Root", groups=(), role="admin"),
)
POLICIES = """\
# The terms that the showcase opened its requests under.

[policies.brief]
groups = ["sales"]
ask_when = "flagged"
due = "2d"
on_timeout = "expire"

[policies.proposal]
groups = ["sales"]
due = "3d"
on_timeout = "escalate"
escalate_to = ["managers"]

[policies.crm_update]
groups = ["sales", "revops"]
due = "3d"
on_timeout = "expire"

[policies.follow_up]
groups = ["sales"]
due = "8h"
on_timeout = "expire"
priority = "low"

[policies.contract]
groups = ["legal", "managers"]
quorum = 2
due = "5d"
on_timeout = "expire"
priority = "high"
risk = "high"
"""
RECALL = 8
_SPACE = UUID("5f0c6d0e-6a3a-4a57-9a0c-1d9d3f9a7b11")
_DEPLOYMENT = str(uuid5(_SPACE, "deployment"))
_ADJECTIVES = ("amber", "brisk", "calm", "dusky", "eager", "fabled", "gentle", "hazel", "icy", "jolly", "keen", "lucid")
_ANIMALS = ("otter", "falcon", "lynx", "heron", "badger", "marten", "curlew", "ibex", "tern", "vole", "wren", "stoat")


class SetClock:
    """Tells the time that it was set to, or what `tell` says."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.tell: Callable[[], datetime] | None = None

    def __call__(self) -> datetime:
        return self.tell() if self.tell else self.now


@dataclasses.dataclass
class Run:
    """One run of a flow, which nobody runs."""

    reference: RunReference
    requester: str
    company: Company

    def identity(self, gate: str, round_: int = 1) -> Identity:
        """What makes a request of this run the same request."""
        return Identity(run=self.reference.id, gate=gate, key=self.company.domain, round=round_)


class Theatre:
    """The queue and the agents of one home, and what runs and reviewers do there."""

    def __init__(self, home: Path, now: datetime, seed: int) -> None:
        home.mkdir(parents=True, exist_ok=True)
        for person in PEOPLE:
            add_person(home / "people.toml", person)
        (home / "policies.toml").write_text(POLICIES, encoding="utf-8")
        self.clock = SetClock(now)
        self.chance = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.agents: Agents = dataclasses.replace(build_agents(AgentSettings(home=home)), clock=self.clock)
        self.approvals: Approvals = build_approvals(
            read_settings(home=home, policies=home / "policies.toml"),
            examiner=ClassExaminer(lambda: self.agents, ("agents", "flows")),
            clock=self.clock,
        )
        self.companies = {company.domain.removesuffix(".example"): company for company in companies(seed)}
        self._web = InventedWeb(tuple(self.companies.values()), self.clock)
        self._briefs: dict[str, Draft[Brief]] = {}
        self._crm_gate = dataclasses.replace(CRM_UPDATE, target=self.agents.crm.address)

    def play(self, stories: Iterable[Story], until: datetime) -> None:
        """Let every story happen, each step at its moment, up to `until`; the clock is left there."""
        waiting: list[tuple[datetime, int, Story]] = []
        for number, story in enumerate(stories):
            self._advance(waiting, number, story)
        while waiting and waiting[0][0] <= until:
            moment, number, story = heapq.heappop(waiting)
            self.clock.now = max(self.clock.now, moment)
            self._advance(waiting, number, story)
        self.clock.now = until

    @staticmethod
    def _advance(waiting: list[tuple[datetime, int, Story]], number: int, story: Story) -> None:
        if (moment := next(story, None)) is not None:
            heapq.heappush(waiting, (moment, number, story))

    # -- what runs do --------------------------------------------------------------------------------------------

    def run(self, name: str, *, flow: str = "outreach", number: int = 1, requester: str = RITA) -> Run:
        """The run of this flow for this company, named as Prefect would; `number` tells several apart."""
        company = self.companies[name]
        run_id = str(uuid5(_SPACE, f"{flow}:{name}:{number}"))
        words = f"{self.chance.choice(_ADJECTIVES)}-{self.chance.choice(_ANIMALS)}"
        gates = (BRIEF.name, PROPOSAL.name, CRM_UPDATE.name) if flow == "outreach" else ()
        reference = RunReference(id=run_id, name=words, flow=flow, deployment=_DEPLOYMENT, gates=gates)
        return Run(reference, requester, company)

    def brief(self, run: Run) -> Draft[Brief]:
        """What research finds about the run's company; read once."""
        domain = run.company.domain
        if domain not in self._briefs:
            prospect = Prospect(target=run.company.address)
            made = research(prospect, web=self._web, snapshots=self.agents.snapshots, now=self.clock)
            self._briefs[domain] = asyncio.run(made)
        return self._briefs[domain]

    def proposal(
        self, run: Run, *, feedback: tuple[str, ...] = (), previous: Proposal | None = None
    ) -> Draft[Proposal]:
        """A drafted offer; with feedback and the draft it was said of, the next round's."""
        made = draft_proposal(
            self.brief(run).document,
            model=self.agents.model,
            catalogue=self.agents.catalogue,
            feedback=feedback,
            previous=previous,
            round=len(feedback) + 1,
        )
        return asyncio.run(made)

    def update(self, run: Run, signed: Proposal) -> Draft[CrmUpdate]:
        """The CRM update planned from a signed offer."""
        made = plan_update(
            signed,
            self.brief(run).document,
            crm=self.agents.crm,
            catalogue=self.agents.catalogue,
            run_key=run.reference.id[:8],
        )
        return asyncio.run(made)

    def ask(
        self,
        run: Run,
        gate: Gate[Any],
        draft: Any,
        *,
        round_: int = 1,
        verdicts: tuple[VerdictKind, ...] = ALL_VERDICTS,
        supersedes: str | None = None,
    ) -> Request:
        """Open the request of this run at this gate, as the flow's side does."""
        spec = self._crm_gate if gate is CRM_UPDATE else gate
        asked = proposed(
            draft,
            spec,
            run.identity(gate.name, round_),
            run=run.reference,
            requester=run.requester,
            verdicts=verdicts,
            supersedes=supersedes,
        )
        return self.approvals.gatekeeper.open(asked, _worker(run))

    def flagged(self, draft: Draft[Proposal]) -> Draft[Proposal]:
        """The draft with the findings and flags it would have come with."""
        catalogue = self.agents.catalogue
        findings = check(draft.document, sources=draft.sources, facts=draft.facts, catalogue=catalogue)
        return draft.model_copy(
            update={"findings": findings, "flags": (*grounding_flags(findings), *draft.flags)},
        )

    def waiting(self, run: Run) -> tuple[Request, ...]:
        """The open requests of this run."""
        wanted = Wanted(run=run.reference.id, states=OPEN)
        with self.approvals.store.read() as transaction:
            return transaction.page(wanted, limit=10).requests

    def take_up(self, run: Run, request: Request) -> Request:
        """Let the run take the answer up; a signed CRM update is carried out, with its permit."""
        keeper = self.approvals.gatekeeper
        answer = keeper.take_up(request.id, run.reference.id, _worker(run))
        if answer is None:
            raise AssertionError(f"{request.title}: nobody has decided yet")
        if answer.permit is not None and request.ruling is not None and request.ruling.document is not None:
            permit, by = answer.permit, Actor(kind="worker", id="apply_update", via="flow", scopes=frozenset({"gate"}))
            held = keeper.effects.redeem(
                permit.slip, by, action=permit.action, target=permit.target, sha256=permit.sha256,
                run=run.reference.id, holder="showcase", lease=60,
            )  # fmt: skip
            update = CrmUpdate.model_validate_json(request.ruling.document)
            done = asyncio.run(apply_update(update, crm=self.agents.crm, by=f"run {run.reference.id}"))
            if fence := getattr(held, "fence", None):
                keeper.effects.settle(permit.id, fence, done.model_dump(mode="json"), by)
        return answer.request


def person(email: str) -> Actor:
    """Somebody who is signed in."""
    return Actor(kind="person", id=email, via="session")


def _worker(run: Run) -> Actor:
    return Actor(kind="worker", id=run.reference.flow, via="flow", scopes=frozenset({"gate"}))
