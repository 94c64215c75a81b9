"""The home that is built for trying the pages: real requests of many kinds, without a single run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.documents import Brief
from approvals.filters import Filters
from approvals.lifecycle import OPEN, State
from approvals.ports import Wanted
from approvals.reading import Reading
from approvals.requests import Request
from flows.demo import showcase
from flows.demo.companies import InventedWeb, companies
from flows.demo.showcase import NOW, main, staged_requests
from flows.demo.theatre import LENA, MARA, SAM, TOM, Theatre, person


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    built = staged_requests(tmp_path_factory.mktemp("showcase") / "home")
    yield built
    built.approvals.close()


@pytest.fixture(scope="module")
def requests(theatre: Theatre) -> tuple[Request, ...]:
    with theatre.approvals.store.read() as transaction:
        return transaction.page(Wanted(), limit=500).requests


@pytest.fixture(scope="module")
def waiting(requests: tuple[Request, ...]) -> tuple[Request, ...]:
    return tuple(request for request in requests if request.state in OPEN)


def about(requests: tuple[Request, ...], name: str, gate: str) -> Request:
    (found,) = [one for one in requests if one.about == name and one.identity.gate == gate]
    return found


def test_many_wait_and_many_were_decided_over_four_weeks(
    requests: tuple[Request, ...], waiting: tuple[Request, ...]
) -> None:
    decided = [request for request in requests if request.ruling and request.ruling.by.kind == "person"]

    assert len(waiting) >= 25
    assert {request.identity.gate for request in waiting} == {
        "brief",
        "proposal",
        "crm_update",
        "follow_up",
        "contract",
    }
    assert len(decided) >= 40
    assert min(one.opened_at for one in decided) < NOW - timedelta(days=20)
    assert {request.state for request in decided} == {State.APPROVED, State.REJECTED, State.RETURNED}
    assert {request.ruling.by.id for request in decided if request.ruling} >= {SAM, TOM}
    assert any(request.ruling.changes and request.ruling.tags for request in decided if request.ruling)


def test_everybody_finds_something_to_do(theatre: Theatre) -> None:
    reading = Reading(theatre.approvals.service)

    found = {who: reading.listed(person(who), Filters(), limit=40).total for who in (SAM, TOM, MARA, LENA)}

    assert min(found.values()) >= 1, found


def test_some_are_overdue_and_some_are_due_within_the_hour(waiting: tuple[Request, ...]) -> None:
    hour = NOW + timedelta(hours=1)

    assert any(request.due_at < NOW for request in waiting)
    assert any(NOW < request.due_at < hour for request in waiting)
    assert any(request.due_at > NOW + timedelta(days=3) for request in waiting)


def test_every_kind_of_trouble_is_there(theatre: Theatre, waiting: tuple[Request, ...]) -> None:
    said = {request.id: theatre.approvals.service.examine(request) for request in waiting}
    standings = Counter(finding.standing for one in said.values() for finding in one.findings)

    def examined(name: str, gate: str = "proposal") -> object:
        return said[about(waiting, name, gate).id]

    assert {"quoted", "cited", "unsourced", "none"} == set(standings)
    assert {request.risk for request in waiting} == {"low", "medium", "high"}
    assert any(request.escalated for request in waiting)
    assert any(request.claimed_at(NOW) for request in waiting)
    assert about(waiting, "Marlow Clinics", "proposal").identity.round == 2
    assert "\u202e" in about(waiting, "Pellworth Physio", "proposal").content.document
    assert any(not citation.found for citation in examined("Gullhaven Hotels").citations)
    moved = examined("Arkwell Logistics", "crm_update")
    assert moved.moved
    assert "changed to 1200 since this was planned" in [effect.note for effect in moved.effects]


def test_honest_drafts_are_quoted_through_and_through(theatre: Theatre, waiting: tuple[Request, ...]) -> None:
    examination = theatre.approvals.service.examine(about(waiting, "Halden Freight", "proposal"))

    assert {finding.standing for finding in examination.findings} == {"quoted", "none"}
    assert all(citation.found for citation in examination.citations)


def test_two_must_sign_a_contract_and_one_has(theatre: Theatre, waiting: tuple[Request, ...]) -> None:
    history = theatre.approvals.service.history(about(waiting, "Corriemoor Clinics", "contract").id)

    assert [signoff.person for signoff in history.signoffs] == [LENA]


def test_the_record_verifies_and_the_crm_holds_what_was_signed(theatre: Theatre, requests: tuple[Request, ...]) -> None:
    crm = theatre.agents.crm
    written = [
        request for request in requests if request.identity.gate == "crm_update" and request.state is State.APPROVED
    ]

    assert theatre.approvals.ledger.verify().problem is None
    assert len(crm.records("deal")) == len(written)


def test_the_same_seed_tells_the_same_stories(requests: tuple[Request, ...], tmp_path: Path) -> None:
    again = staged_requests(tmp_path / "again")
    try:
        with again.approvals.store.read() as transaction:
            others = transaction.page(Wanted(), limit=500).requests
    finally:
        again.approvals.close()

    def told(some: tuple[Request, ...]) -> Counter[tuple[object, ...]]:
        return Counter((one.title, one.state, one.opened_at, one.due_at, one.content.document) for one in some)

    assert told(others) == told(requests)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    assert main(["--home", str(tmp_path)]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_tells_what_is_in_the_home(
    theatre: Theatre, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[datetime] = []

    def built(home: Path, *, now: datetime, seed: int) -> Theatre:
        asked.append(now)
        return theatre

    monkeypatch.setattr(showcase, "staged_requests", built)
    monkeypatch.setattr(type(theatre.approvals), "close", lambda self: None)

    code = main(["--home", str(tmp_path / "new"), "--now", "2026-11-20T10:40:00+01:00"])

    said = capsys.readouterr().out
    assert (code, asked) == (0, [datetime(2026, 11, 20, 9, 40, tzinfo=UTC)])
    assert "requests wait" in said
    assert "sam@brightwater.example" in said


async def test_the_invented_web_has_these_pages_and_no_others() -> None:
    known = companies(3)
    web = InventedWeb(known, lambda: NOW)

    for company in known:
        assert company.domain.endswith(".example")
        page = await web.fetch(company.address)
        assert company.name.split()[0] in page.body.decode()
    with pytest.raises(Exception, match="has no page"):
        await web.fetch("https://elsewhere.example/")
    assert companies(3) == known


def test_every_brief_of_the_showcase_is_of_its_company(theatre: Theatre, requests: tuple[Request, ...]) -> None:
    for request in requests:
        if request.identity.gate == "brief":
            brief = Brief.model_validate_json(request.content.document)
            assert brief.entity.name == request.about
            assert len(brief.facts) >= 10
