"""The main job on one screen: three prospects, real gates, a reviewer, and a CRM that holds what was signed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from prefect.context import refresh_global_settings_context

from agents.documents import Proposal, Prospect
from agents.planning import render_text
from agents.texts import money_text
from approvals.bootstrap import Approvals
from approvals.decisions import Actor
from approvals.lifecycle import OPEN, State
from approvals.people import add_person
from approvals.ports import Person, Wanted
from approvals.requests import Request
from approvals.resume import PrefectRuns
from flows import composition
from flows.starting import start_run
from flows.supervisor import Supervisor

Tell = Callable[[str], None]
Review = Callable[[Approvals, Request], None]
"""How the reviewer acts on an open request; leaving it open is allowed."""

REQUESTER = "rita@brightwater.example"
REVIEWER = "sam@brightwater.example"
MANAGER = "mara@brightwater.example"
PROSPECTS = ("halden-freight", "kestrel-feinwerk", "marlow-clinics")

_OURS = ("APPROVALS_", "AGENTS_", "FLOWS_", "PREFECT_", "COUNTERSIGN_")
_PATIENCE = 240.0


class Outcome(NamedTuple):
    """What the demo found when everything had ended."""

    runs: dict[str, str]
    problems: tuple[str, ...]
    entries: int
    head: str


class Stopped(Exception):
    """The reviewer left."""


def reviewer() -> Actor:
    """The person who decides in the demo."""
    return Actor(kind="person", id=REVIEWER, via="embedded")


@contextmanager
def stage(home: Path, tell: Tell) -> Iterator[Supervisor]:
    """A fresh home with three people, and everything running in it until it is left."""
    with _environment(home):
        for person in (
            Person(email=REQUESTER, name="Rita, RevOps", groups=("revops",)),
            Person(email=REVIEWER, name="Sam, Sales", groups=("sales", "revops")),
            Person(email=MANAGER, name="Mara, Management", groups=("managers",)),
        ):
            add_person(home / "people.toml", person)
        supervisor = Supervisor(home, prefect_port=0, queue_port=0, runs_at_once=3, tell=tell)
        try:
            with supervisor as addresses:
                # Prefect read its settings when it was imported, before there was a server to name.
                refresh_global_settings_context()
                tell(f"Prefect UI: {addresses.prefect}   Queue: {addresses.queue}/queue")
                yield supervisor
        finally:
            composition.reset()


def play(review: Review, tell: Tell) -> Outcome:
    """Start a run for each prospect, hand every request to the reviewer, and look at what came of it."""
    runs = asyncio.run(_start())
    for name in runs:
        tell(f"Started outreach for {name}")
    approvals = composition.approvals()
    ended = _review_until_ended(approvals, runs, review, tell)
    return _look_at(approvals, ended)


def scripted(tell: Tell) -> Review:
    """A reviewer who approves one proposal as drafted, edits one, sends one back, and rejects one CRM update."""

    def review(approvals: Approvals, request: Request) -> None:
        service, by, about = approvals.service, reviewer(), _about(request)
        gate, round_ = request.identity.gate, request.identity.round
        if gate == "proposal" and about == "Kestrel Feinwerk":
            document = edited(request.content.value())
            service.approve(request.id, by, version=request.version, edited=document, vouched=())
            tell(f"  {REVIEWER} edited and approved: {request.title}")
        elif gate == "proposal" and about == "Marlow Clinics" and round_ == 1:
            feedback = "Shorter, please, and drop the onboarding."
            service.send_back(request.id, by, version=request.version, feedback=feedback)
            tell(f"  {REVIEWER} sent back: {request.title} — “{feedback}”")
        elif gate == "crm_update" and about == "Marlow Clinics":
            reason = "We agreed to wait for their answer first."
            service.reject(request.id, by, version=request.version, reason=reason)
            tell(f"  {REVIEWER} rejected: {request.title} — “{reason}”")
        else:
            service.approve(request.id, by, version=request.version)
            tell(f"  {REVIEWER} approved: {request.title}")

    return review


def edited(document: dict[str, Any]) -> dict[str, Any]:
    """The German proposal with another quantity, and the sentences that speak of it changed along."""
    draft = Proposal.model_validate(document)
    first = draft.lines[0].model_copy(update={"quantity": 4})
    changed = draft.model_copy(update={"lines": (first, *draft.lines[1:])})
    total = money_text(changed.total, changed.currency, changed.language)
    for section in document["sections"]:
        for claim in section["claims"]:
            if claim["id"].startswith("quantity_assumed"):
                claim["text"] = f"Mit {first.name} beginnen wir an 4 Maschinen."
            if claim["id"] == "total":
                claim["text"] = f"Zusammen sind das {total}."
    document["lines"][0]["quantity"] = 4
    return document


# -- inside ------------------------------------------------------------------------------------------------------


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """Nothing of the caller's settings: the demo is the same everywhere."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_OURS):
            del os.environ[name]
    os.environ["COUNTERSIGN_HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _start() -> dict[str, str]:
    runs: dict[str, str] = {}
    pages = resources.files("flows.demo").joinpath("pages")
    for name in PROSPECTS:
        with resources.as_file(pages.joinpath(name)) as folder:
            prospect = Prospect(target=str(folder), source_url=f"https://{name}.example/")
            run = await start_run("outreach/outreach", {"prospect": prospect.model_dump()}, requester=REQUESTER)
            runs[name] = str(run.id)
    return runs


def _review_until_ended(approvals: Approvals, runs: dict[str, str], review: Review, tell: Tell) -> dict[str, str]:
    watching, seen, ended = PrefectRuns(), set[tuple[str, int]](), dict[str, str]()
    quiet_since = time.monotonic()
    while len(ended) < len(runs):
        with approvals.store.read() as transaction:
            waiting = transaction.page(Wanted(states=OPEN), limit=50).requests
        fresh = [request for request in waiting if (request.id, request.version) not in seen]
        for request in fresh:
            seen.add((request.id, request.version))
            tell(f"{request.run.flow} waits: {request.title} (round {request.identity.round})")
            _tell_flags(request, tell)
            review(approvals, request)
        for name, watch in _watched(watching, runs).items():
            if name not in ended and watch.status in ("ended", "gone"):
                ended[name] = watch.name
                tell(f"Run for {name} ended: {watch.name}")
                quiet_since = time.monotonic()
        if fresh:
            quiet_since = time.monotonic()
        if time.monotonic() - quiet_since > _PATIENCE:
            break
        time.sleep(0.2)
    return {name: ended.get(name, "did not end") for name in runs}


def _watched(watching: PrefectRuns, runs: dict[str, str]) -> dict[str, Any]:
    watches = watching.statuses(list(runs.values()))
    return {name: watches[run] for name, run in runs.items()}


def _tell_flags(request: Request, tell: Tell) -> None:
    for flag in request.content.flags:
        if flag.severity != "info":
            tell(f"  ! {flag.message}")


def _look_at(approvals: Approvals, runs: dict[str, str]) -> Outcome:
    problems = [f"{name}: {state}" for name, state in runs.items() if state not in ("Completed", "Rejected")]
    problems += list(_unlike_what_was_signed(approvals))
    found = approvals.ledger.verify()
    if found.problem:
        problems.append(found.problem)
    return Outcome(runs=runs, problems=tuple(problems), entries=found.entries, head=found.head)


def _unlike_what_was_signed(approvals: Approvals) -> Iterator[str]:
    """Where the CRM and the signatures differ: something missing, something changed, something nobody signed."""
    crm = composition.agents().crm
    with approvals.store.read() as transaction:
        requests = transaction.page(Wanted(), limit=200).requests
    deals = {record.key: record for record in crm.records("deal")}
    notes = {note.key: note for note in crm.notes()}
    for request in requests:
        signed = request.ruling.document if request.ruling else None
        if request.identity.gate != "crm_update" or request.state is not State.APPROVED or signed is None:
            continue
        for change in request.content.value()["changes"]:
            if change["kind"] == "create" and change["object"] == "deal":
                deal = deals.pop(change["key"], None)
                if deal is None or any(deal.fields.get(name) != value for name, value in change["fields"].items()):
                    yield f"The deal {change['key']} is not as it was signed."
            if change["kind"] == "add_note":
                note = notes.pop(change["key"], None)
                if note is None or note.body != change["body"]:
                    yield f"The note {change['key']} is not as it was signed."
    signed_texts = [
        render_text(Proposal.model_validate_json(request.ruling.document))
        for request in requests
        if request.identity.gate == "proposal" and request.ruling and request.ruling.document
    ]
    for note in crm.notes():
        if note.body not in signed_texts:
            yield f"The note {note.key} holds a text that nobody signed as a proposal."
    yield from (f"The deal {key} was written without a signature." for key in deals)
    yield from (f"The note {key} was written without a signature." for key in notes)


def _about(request: Request) -> str:
    entity = request.content.value().get("entity") or {}
    name = str(entity.get("name", ""))
    return next((known for known in ("Halden Freight", "Kestrel Feinwerk", "Marlow Clinics") if known in name), name)
