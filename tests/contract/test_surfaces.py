"""What is forbidden is forbidden everywhere: the same cases over service, REST, pages, links and the command line."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from approvals.bootstrap import Approvals, build
from approvals.bulk import alone
from approvals.canonical import settled
from approvals.cli import commands
from approvals.decisions import SYSTEM, Actor, Value, Verdict
from approvals.errors import (
    AlreadyDecided,
    ApprovalError,
    CannotActOnOwnRequest,
    ClaimedBySomeoneElse,
    Disabled,
    NotACandidate,
    NotAnEditor,
    NotAPerson,
    NotFound,
    StaleDecision,
    UnsupportedClaims,
    VerdictNotAllowed,
)
from approvals.ports import Examination
from approvals.requests import Evidence, Finding, Identity, Proposed, Request, RunReference
from approvals.sessions import form_token
from approvals.settings import Settings
from approvals.web import create_app
from approvals.web.problems import kind_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
VERDICT: TypeAdapter[Any] = TypeAdapter(Verdict)

PEOPLE = """
[[people]]
email = "nils@copperleaf.example"
groups = ["sales"]

[[people]]
email = "mira@copperleaf.example"
groups = ["sales"]

[[people]]
email = "rosa@copperleaf.example"
groups = ["sales"]

[[people]]
email = "theo@copperleaf.example"
groups = ["managers"]

[[people]]
email = "olga@copperleaf.example"
groups = ["finance"]

[[people]]
email = "view@copperleaf.example"
groups = ["sales"]
role = "viewer"

[[people]]
email = "gone@copperleaf.example"
groups = ["sales"]

[[people]]
email = "root@copperleaf.example"
role = "admin"
"""

POLICIES = """
[policies.open]
groups = ["sales"]
due = "3d"
on_timeout = "escalate"
escalate_to = ["managers"]

[policies.readonly]
groups = ["sales"]
editors = []
on_timeout = "expire"
"""


class Letter(Value):
    """What is to be signed here: one claim, true if it says so."""

    text: str
    count: int = 1


class LetterExaminer:
    """Supports what ends with a full stop."""

    def examine(self, kind: str, document: Any, evidence: Evidence, based_on: dict[str, str]) -> Examination:
        letter = settled(Letter, document)
        support = "supported" if letter.text.endswith(".") else "unsupported"
        return Examination(
            document=letter.model_dump(mode="json"), findings=(Finding(claim_id="text", support=support),)
        )


@dataclass(frozen=True)
class Case:
    """Something that must not be done."""

    refusal: type[ApprovalError]
    who: str = "nils@copperleaf.example"
    kind: Any = "person"
    verdict: dict[str, Any] = field(default_factory=lambda: {"kind": "approve"})
    policy: str = "open"
    text: str = "We deliver on Monday."
    offered: tuple[str, ...] = ("approve", "edit", "reject", "return")
    before: Callable[[Approvals, Request], object] = lambda approvals, request: None
    version: int = 1
    elsewhere: type[ApprovalError] | None = None
    """Where the request is looked up first, it does not exist for those whom it does not concern."""


def actor(email: str) -> Actor:
    return Actor(kind="person", id=email, via="session")


def _rejected(approvals: Approvals, request: Request) -> None:
    approvals.service.reject(request.id, actor("mira@copperleaf.example"), version=1, reason="No.")


def _claimed(approvals: Approvals, request: Request) -> None:
    approvals.service.claim(request.id, actor("mira@copperleaf.example"))


def _revised(approvals: Approvals, request: Request) -> None:
    approvals.service.revise(request.id, document={"text": "We deliver on Tuesday.", "count": 1})


def _disabled(approvals: Approvals, request: Request) -> None:
    listed = approvals.settings.people
    gone = 'email = "gone@copperleaf.example"'
    listed.write_text(listed.read_text().replace(gone, f"{gone}\nactive = false"))


EDIT = {"kind": "edit", "document": {"text": "We deliver on Friday.", "count": 1}}
REJECT = {"kind": "reject", "reason": "No."}
RETURN = {"kind": "return", "feedback": "Name a day."}

FORBIDDEN = {
    "one's own request is approved": Case(CannotActOnOwnRequest, who="rosa@copperleaf.example"),
    "one's own request is rejected": Case(CannotActOnOwnRequest, who="rosa@copperleaf.example", verdict=REJECT),
    "one's own request is edited": Case(CannotActOnOwnRequest, who="rosa@copperleaf.example", verdict=EDIT),
    "an outsider approves": Case(NotACandidate, who="olga@copperleaf.example", elsewhere=NotFound),
    "somebody unknown approves": Case(NotACandidate, who="eve@elsewhere.example", elsewhere=NotACandidate),
    "who is asked only after an escalation approves": Case(NotACandidate, who="theo@copperleaf.example"),
    "an administrator whom nobody asked approves": Case(NotACandidate, who="root@copperleaf.example"),
    "a viewer approves": Case(NotACandidate, who="view@copperleaf.example"),
    "a viewer sends back": Case(NotACandidate, who="view@copperleaf.example", verdict=RETURN),
    "a disabled person approves": Case(Disabled, who="gone@copperleaf.example", before=_disabled),
    "a decided request is approved": Case(AlreadyDecided, before=_rejected),
    "a decided request is sent back": Case(AlreadyDecided, before=_rejected, verdict=RETURN),
    "a read-only gate is edited": Case(NotAnEditor, policy="readonly", verdict=EDIT),
    "a version that was replaced is approved": Case(StaleDecision, before=_revised),
    "a version that was replaced is rejected": Case(StaleDecision, before=_revised, verdict=REJECT),
    "what a colleague keeps is approved": Case(ClaimedBySomeoneElse, before=_claimed),
    "an agent approves": Case(NotAPerson, who="drafter", kind="agent"),
    "an agent rejects": Case(NotAPerson, who="drafter", kind="agent", verdict=REJECT),
    "a worker approves": Case(NotAPerson, who="outreach", kind="worker"),
    "a worker sends back": Case(NotAPerson, who="outreach", kind="worker", verdict=RETURN),
    "a verdict that is not offered is handed in": Case(
        VerdictNotAllowed, verdict=RETURN, offered=("approve", "edit", "reject")
    ),
    "an edit is handed in where none is offered": Case(NotAnEditor, verdict=EDIT, offered=("approve", "reject")),
    "a claim without a source is not vouched for": Case(UnsupportedClaims, text="We are the best"),
    "an edit brings a claim without a source": Case(
        UnsupportedClaims, verdict={"kind": "edit", "document": {"text": "We are the best", "count": 1}}
    ),
}


# -- the queue ---------------------------------------------------------------------------------------------------


@pytest.fixture
def approvals(tmp_path: Path) -> Iterator[Approvals]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "people.toml").write_text(PEOPLE)
    (home / "policies.toml").write_text(POLICIES)
    built = build(settings_of(tmp_path), examiner=LetterExaminer(), clock=lambda: NOON)
    yield built
    built.close()


def settings_of(folder: Path) -> Settings:
    return Settings(home=folder / "home", policies=folder / "home/policies.toml")


@pytest.fixture(params=FORBIDDEN.values(), ids=[name.replace(" ", "-") for name in FORBIDDEN])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def secret(approvals: Approvals, case: Case) -> str | None:
    """A token of whoever tries, from before anything changed; None for who cannot have one."""
    if case.who == "eve@elsewhere.example":
        return None
    scopes: Any = ("read", "decide") if case.kind == "person" else ("read", "gate")
    return approvals.tokens.create(case.who, SYSTEM, kind=case.kind, scopes=scopes).secret


@pytest.fixture
def opened(approvals: Approvals, case: Case, secret: str | None) -> Request:
    proposed = Proposed(
        identity=Identity(run="run-1", gate="letter", key="k"),
        kind="tests:Letter",
        action="letter.send",
        target="mail://northwind.example",
        title="A letter",
        document={"text": case.text, "count": 1},
        document_schema=Letter.model_json_schema(),
        requester="rosa@copperleaf.example",
        run=RunReference(id="run-1"),
        policy=case.policy,
        verdicts=case.offered,
    )
    request = approvals.gatekeeper.open(proposed, Actor(kind="worker", id="outreach", via="flow"))
    case.before(approvals, request)
    return request


def state_of(approvals: Approvals, request: Request) -> Any:
    """Everything that a verdict could have changed."""
    with approvals.store.read() as transaction:
        return (
            transaction.request(request.id),
            transaction.signoffs(request.id),
            transaction.rulings(request.id),
            [entry.hash for entry in approvals.store.entries(request_id=request.id)],
        )


def by_service(approvals: Approvals, case: Case, request: Request) -> ApprovalError:
    # With every scope that a token could be forged to have.
    scopes = frozenset({"read", "decide", "gate", "admin"})
    by = Actor(kind=case.kind, id=case.who, via="session", scopes=scopes)  # type: ignore[arg-type]
    verdict = VERDICT.validate_python(case.verdict)
    with pytest.raises(ApprovalError) as caught:
        approvals.service.decide(request.id, verdict, by, version=case.version)
    return caught.value


# -- the surfaces ------------------------------------------------------------------------------------------------


def test_the_service_refuses(approvals: Approvals, case: Case, opened: Request) -> None:
    before = state_of(approvals, opened)

    error = by_service(approvals, case, opened)

    assert type(error) is case.refusal
    assert state_of(approvals, opened) == before


def test_rest_refuses_for_the_same_reason(
    approvals: Approvals, case: Case, opened: Request, secret: str | None
) -> None:
    if secret is None:
        pytest.skip("nobody can make a token for somebody who is not in the list of people")
    before = state_of(approvals, opened)

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(approvals))
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://queue.test", headers=headers) as client:
            body = {"verdict": case.verdict, "version": case.version}
            return await client.post(f"/api/v1/requests/{opened.id}/verdicts", json=body)

    response = asyncio.run(sent())

    slug, kind = kind_of(case.elsewhere or case.refusal)
    assert (response.status_code, response.json()["type"]) == (kind.status, f"urn:countersign:problem:{slug}")
    assert state_of(approvals, opened) == before


def test_a_page_refuses_for_the_same_reason(approvals: Approvals, case: Case, opened: Request) -> None:
    if case.kind != "person":
        pytest.skip("only a person has a session")
    expected, before = by_service(approvals, case, opened), state_of(approvals, opened)
    form = [
        ("version", str(case.version)),
        ("verdict", {"edit": "approve"}.get(case.verdict["kind"], case.verdict["kind"])),
    ]
    form += [(name, str(case.verdict[name])) for name in ("reason", "feedback") if name in case.verdict]
    form += [("d.__is", "object"), *_typed(case)] if case.verdict["kind"] == "edit" else []

    response = asyncio.run(as_visitor(approvals, case, f"/r/{opened.id}/decide", form))

    status = kind_of(case.elsewhere or case.refusal)[1].status
    assert response.status_code == (303 if case.who in NO_SESSION else status)
    if response.status_code == 303:
        assert response.headers["location"].startswith("/login")
    elif case.elsewhere is NotFound:
        assert opened.title not in response.text
    elif case.refusal not in IN_OTHER_WORDS:
        assert str(expected) in html.unescape(response.text)
    assert state_of(approvals, opened) == before


def test_several_at_once_on_a_page_leave_it_for_the_same_reason(
    approvals: Approvals, case: Case, opened: Request
) -> None:
    if case.kind != "person" or case.verdict["kind"] != "approve":
        pytest.skip("several at once are approved by people, as they stand")
    expected, before = by_service(approvals, case, opened), state_of(approvals, opened)

    response = asyncio.run(as_visitor(approvals, case, "/bulk", [("pick", f"{opened.id}.{case.version}")]))

    if case.who in NO_SESSION:
        assert response.headers["location"].startswith("/login")
    else:
        assert response.status_code == 200
        told = _why_not_together(case, opened, expected)
        assert told in html.unescape(response.text)
    assert state_of(approvals, opened) == before


def test_several_at_once_over_rest_leave_it_for_the_same_reason(
    approvals: Approvals, case: Case, opened: Request, secret: str | None
) -> None:
    if secret is None or case.verdict["kind"] != "approve":
        pytest.skip("several at once are approved as they stand, by the bearer of a token")
    expected, before = by_service(approvals, case, opened), state_of(approvals, opened)
    body = {"items": [{"id": opened.id, "version": case.version}]}

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(approvals))
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://queue.test", headers=headers) as client:
            return await client.post("/api/v1/bulk/approvals", json=body)

    response = asyncio.run(sent())

    slug, kind = kind_of(case.refusal)
    if case.refusal in (Disabled, NotAPerson):
        assert (response.status_code, response.json()["type"]) == (kind.status, f"urn:countersign:problem:{slug}")
    else:
        told = _why_not_together(case, opened, expected)
        assert response.status_code == 200
        assert response.json()["approved"] == []
        assert [one["reason"] for one in response.json()["skipped"]] == [told]
    assert state_of(approvals, opened) == before


NO_SESSION = ("eve@elsewhere.example", "gone@copperleaf.example")
"""Who has none, or none that counts: they are sent to the sign-in page."""

IN_OTHER_WORDS = (AlreadyDecided, UnsupportedClaims)
"""Told on the page with who decided, or beside each claim."""


def _why_not_together(case: Case, request: Request, expected: ApprovalError) -> str:
    if case.elsewhere is NotFound:
        return f"There is no request {request.id!r}."
    # What wants a closer look is left before anybody asks who may vouch for it.
    return alone(request) or str(expected)


def _typed(case: Case) -> list[tuple[str, str]]:
    return [(f"d.{name}", str(value)) for name, value in case.verdict["document"].items()]


async def as_visitor(approvals: Approvals, case: Case, path: str, form: list[tuple[str, str]]) -> httpx.Response:
    """What is answered to a form of a real session of whoever tries."""
    person = approvals.directory.person(case.who)
    session = (
        ""
        if person is None
        else approvals.sessions.begin(person.model_copy(update={"active": True}), "password").secret
    )
    headers = {"Cookie": f"session={session}", "Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    transport = httpx.ASGITransport(create_app(approvals))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        return await client.post(path, data=dict([*form, ("csrf", form_token(session))]))


def test_a_signed_link_refuses_for_the_same_reason(approvals: Approvals, case: Case, opened: Request) -> None:
    if case.kind != "person" or case.verdict["kind"] == "edit":
        pytest.skip("a link is a person's, and its page hands in no edit")
    expected, before = by_service(approvals, case, opened), state_of(approvals, opened)
    token = approvals.links.make(opened, case.who)
    link = approvals.links.read(token)
    words = case.verdict.get("reason") or case.verdict.get("feedback") or ""

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(approvals, signed_in=lambda http: case.who))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            moved = await client.get(f"/d/{token}")
            cookie = moved.headers["set-cookie"].partition(";")[0]
            form = {"csrf": approvals.links.form_secret(link), "verdict": case.verdict["kind"], "words": words}
            headers = {"Sec-Fetch-Site": "same-origin", "Cookie": cookie}
            return await client.post(moved.headers["location"], data=form, headers=headers)

    response = asyncio.run(sent())

    assert response.status_code == kind_of(case.refusal)[1].status
    said = html.escape(str(expected)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    # Whom the request does not concern reads nothing of it, not even whom it is for.
    assert (said in response.text) == (case.elsewhere is not NotFound)
    assert state_of(approvals, opened) == before
    with approvals.store.read() as transaction:
        assert transaction.link_use(link.nonce) is None


def test_the_command_line_refuses_for_the_same_reason(
    approvals: Approvals,
    case: Case,
    opened: Request,
    secret: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = state_of(approvals, opened)
    named = ["--as", case.who]
    if case.kind != "person" and secret is not None:
        monkeypatch.setenv("COUNTERSIGN_TOKEN", secret)
        named = []
    app = commands(lambda: build(settings_of(tmp_path), examiner=LetterExaminer(), clock=lambda: NOON))

    result = CliRunner().invoke(app, [*words_of(case, opened), *named], catch_exceptions=False)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert state_of(approvals, opened) == before
    # On the command line the sentence is all there is: it is the service's own.
    expected = by_service(approvals, case, opened)
    if case.elsewhere is NotFound:
        assert result.stderr == f"There is no request {opened.id!r}.\n"
    else:
        assert result.stderr == f"{expected}\n"


def words_of(case: Case, request: Request) -> list[str]:
    version = ["--version", str(case.version)]
    match case.verdict:
        case {"kind": "approve"}:
            return ["approve", request.id, *version]
        case {"kind": "edit", "document": document}:
            fields = [
                f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in document.items()
            ]
            return ["approve", request.id, *version, *(word for one in fields for word in ("--set", one))]
        case {"kind": "reject", "reason": reason}:
            return ["reject", request.id, *version, "--reason", reason]
        case {"kind": "return", "feedback": feedback}:
            return ["return", request.id, *version, "--feedback", feedback]
    raise AssertionError(case.verdict)


def test_what_is_not_forbidden_goes_through_so_that_the_cases_prove_something(approvals: Approvals) -> None:
    proposed = Proposed(
        identity=Identity(run="run-1", gate="letter", key="k"),
        kind="tests:Letter",
        title="A letter",
        document={"text": "We deliver on Monday.", "count": 1},
        document_schema=Letter.model_json_schema(),
        requester="rosa@copperleaf.example",
        run=RunReference(id="run-1"),
        policy="open",
    )
    request = approvals.gatekeeper.open(proposed, Actor(kind="worker", id="outreach", via="flow"))

    decided = approvals.service.decide(
        request.id, VERDICT.validate_python(EDIT), actor("nils@copperleaf.example"), version=1
    )

    assert decided.ruling is not None
    assert decided.ruling.edited
