"""People, a clock, an examiner and a queue in memory. Every queue's record is verified when its test ends.

Names in capitals are fixtures too: `ANNA` is the authenticated person, as any surface would hand her in.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from approvals.audit import verify
from approvals.canonical import canonical, digest, settled
from approvals.deadlines import Deadlines
from approvals.decisions import Actor, Value
from approvals.deliveries import Notice
from approvals.errors import FieldError, NotificationsError, PolicyError, RunsUnavailable
from approvals.gatekeeping import Gatekeeper
from approvals.ledger import Ledger
from approvals.links import Links
from approvals.notifications import Notifications
from approvals.outbox import Outbox, Terms
from approvals.people import PeopleList
from approvals.permits import Grant
from approvals.policies import Policies, Policy
from approvals.ports import Effect, Examination, Person, StartedRun, Store
from approvals.requests import Evidence, Fact, Finding, Identity, Moved, Proposed, Request, RunReference, Source
from approvals.reverts import Reverts, Way
from approvals.service import ApprovalService
from approvals.store import open_store
from approvals.subscriptions import Subscriptions

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


# -- time --------------------------------------------------------------------------------------------------------


class SettableClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float = 0, **terms: float) -> None:
        """Let time pass: `forward(5)`, `forward(hours=2)`."""
        self.now += timedelta(seconds=seconds, **terms)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


# -- people ------------------------------------------------------------------------------------------------------


class ChangingPeople(PeopleList):
    """A list of people that changes under a waiting request."""

    def change(self, email: str, **terms: Any) -> None:
        """`change("ben@acme.example", active=False)`, or `groups=()`, or `role="viewer"`."""
        known = self._people[email.casefold()]
        self._people[email.casefold()] = known.model_copy(update=terms)

    def remove(self, email: str) -> None:
        """Take somebody out altogether."""
        del self._people[email.casefold()]


@pytest.fixture
def people() -> ChangingPeople:
    return ChangingPeople(
        [
            # Written with capitals on purpose: people type their own address in any case.
            Person(email="Anna.Berg@acme.example", name="Anna Berg", groups=("sales",)),
            Person(email="ben@acme.example", name="Ben Okoro", groups=("sales", "legal")),
            Person(email="cleo@acme.example", name="Cleo Marsh", groups=("sales",)),
            Person(email="dora@acme.example", name="Dora Lind", groups=("managers",)),
            Person(email="omar@acme.example", name="Omar Vance", groups=("finance",)),
            Person(email="vera@acme.example", name="Vera Holt", groups=("sales",), role="viewer"),
            Person(email="ada@acme.example", name="Ada Quist", role="admin"),
            Person(email="rita@acme.example", name="Rita Soll", groups=("sales",)),
            Person(email="gone@acme.example", name="Gone Away", groups=("sales",), active=False),
        ]
    )


def person(email: str, **terms: Any) -> Actor:
    """Somebody who signed in."""
    return Actor(**{"kind": "person", "id": email, "via": "session", **terms})


@pytest.fixture
def ANNA() -> Actor:
    """In sales."""
    return person("anna.berg@acme.example")


@pytest.fixture
def BEN() -> Actor:
    """In sales and in legal."""
    return person("ben@acme.example")


@pytest.fixture
def CLEO() -> Actor:
    """In sales."""
    return person("cleo@acme.example")


@pytest.fixture
def DORA() -> Actor:
    """A manager: asked after an escalation."""
    return person("dora@acme.example")


@pytest.fixture
def OMAR() -> Actor:
    """In finance, which nobody asks."""
    return person("omar@acme.example")


@pytest.fixture
def VERA() -> Actor:
    """In sales, but may only look."""
    return person("vera@acme.example")


@pytest.fixture
def ADA() -> Actor:
    """Administers, and is asked nothing."""
    return person("ada@acme.example")


@pytest.fixture
def RITA() -> Actor:
    """In sales, and the one who asked."""
    return person("rita@acme.example")


@pytest.fixture
def GONE() -> Actor:
    """Was in sales; the account is not active."""
    return person("gone@acme.example")


@pytest.fixture
def ROBOT() -> Actor:
    """An agent, with every scope that somebody might give it by mistake."""
    return Actor(kind="agent", id="drafter", via="token", scopes=frozenset({"read", "decide", "gate", "admin"}))


@pytest.fixture
def WORKER() -> Actor:
    """The flow's side."""
    return Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))


# -- the document and its examiner -------------------------------------------------------------------------------


class Claim(Value):
    """A sentence of an offer."""

    id: str = Field(pattern=r"^c\d+$")
    text: str = Field(min_length=1)


class Offer(BaseModel):
    """What is to be signed in these tests."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    title: str = Field(min_length=1)
    amount: Decimal = Field(ge=0, max_digits=12, decimal_places=2)
    discount: Decimal = Field(default=Decimal("0.00"), ge=0, max_digits=12, decimal_places=2)
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _discount_is_smaller(self) -> Offer:
        if self.discount > self.amount:
            raise ValueError("the discount is larger than the amount")
        return self


class OfferExaminer:
    """Validates offers, supports what a fact quotes, and knows how the records stand in the world."""

    def __init__(self) -> None:
        self.world: dict[str, str] = {}
        """Address of a record -> its version now; what is not here has not moved."""
        self.effects: tuple[Effect, ...] = ()
        self.failure: BaseException | None = None
        self.asked = 0
        self._answers = threading.Event()
        self._answers.set()

    def hang(self) -> None:
        """Answer nobody until the test ends."""
        self._answers.clear()

    def answer(self) -> None:
        """Answer again."""
        self._answers.set()

    def examine(self, kind: str, document: Any, evidence: Evidence, based_on: dict[str, str]) -> Examination:
        self.asked += 1
        self._answers.wait()
        if self.failure is not None:
            raise self.failure
        try:
            offer = settled(Offer, document)
        except ValidationError as error:
            errors = tuple(FieldError(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors())
            return Examination(document=document, errors=errors)
        quoted = {fact.quote for fact in evidence.facts}
        return Examination(
            document=offer.model_dump(mode="json"),
            findings=tuple(
                Finding(claim_id=claim.id, support="supported" if claim.text in quoted else "unsupported")
                for claim in offer.claims
            ),
            moved=tuple(
                Moved(address=address, was=was, now=self.world[address])
                for address, was in based_on.items()
                if self.world.get(address, was) != was
            ),
            consequences=(f"An offer over {offer.amount} goes out.",),
            effects=self.effects,
        )


@pytest.fixture
def examiner() -> Iterator[OfferExaminer]:
    examiner = OfferExaminer()
    yield examiner
    examiner.answer()


SENTENCE = "Northwind runs 40 shops."
EVIDENCE = Evidence(
    sources=(Source(id="s1", address="https://northwind.example/about"),),
    facts=(Fact(id="f1", key="shops", value="40", quote=SENTENCE, source_id="s1"),),
)


def offer(**changes: Any) -> dict[str, Any]:
    """An offer as JSON values, every claim of it supported."""
    supported = {
        "title": "Offer for Northwind",
        "amount": "1200.00",
        "discount": "0.00",
        "claims": [{"id": "c1", "text": SENTENCE}],
    }
    return {**supported, **changes}


@pytest.fixture
def make_offer() -> Callable[..., dict[str, Any]]:
    return offer


# -- the queue ---------------------------------------------------------------------------------------------------


@pytest.fixture
def store() -> Iterator[Store]:
    """A queue's store; its record must verify when the test is over, whatever happened."""
    store = open_store("sqlite:///:memory:")
    yield store
    verification = verify(store.entries(), store.rows())
    store.close()
    assert verification.ok, verification.problem


@pytest.fixture
def ledger(store: Store, clock: SettableClock) -> Ledger:
    return Ledger(store, clock)


@pytest.fixture
def service(store: Store, people: ChangingPeople, clock: SettableClock, examiner: OfferExaminer) -> ApprovalService:
    return ApprovalService(store, people, clock, examiner)


@pytest.fixture
def deadlines(service: ApprovalService, ledger: Ledger) -> Deadlines:
    return Deadlines(service, ledger)


# -- messages ----------------------------------------------------------------------------------------------------

LINK_KEYS = (b"the newest key of these tests, thirty-two and more", b"the key before that one, also long enough")


class Receivers:
    """Stands for every place that is told: keeps what it is sent, and fails as it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Notice]] = []
        self.failures: dict[str, Exception] = {}
        """Beginning of an address -> what sending there raises."""
        self.tried = 0

    def opened(self, address: SecretStr, secret: SecretStr | None) -> Any:
        """The receiver at this address."""
        receivers, named = self, address.get_secret_value()

        class Receiver:
            def send(self, notice: Notice) -> None:
                receivers.tried += 1
                for beginning, failure in receivers.failures.items():
                    if named.startswith(beginning):
                        raise failure
                receivers.sent.append((named, notice))

        return Receiver()

    def notices(self, beginning: str = "") -> list[Notice]:
        """What was sent to addresses that begin so."""
        return [notice for address, notice in self.sent if address.startswith(beginning)]


@pytest.fixture
def receivers() -> Receivers:
    return Receivers()


class Subscribed:
    """Who is told of what, as it reads now."""

    def __init__(self) -> None:
        self.terms: dict[str, Any] = {}
        self.broken: str | None = None

    def __call__(self) -> Subscriptions:
        if self.broken is not None:
            raise NotificationsError(self.broken)
        return Subscriptions.model_validate(self.terms)

    def notify(self, to: str, **terms: Any) -> None:
        """Tell one place more."""
        self.terms.setdefault("notify", []).append({"to": to, **terms})

    def mail(self, **terms: Any) -> None:
        """Mail to people."""
        self.terms["mail"] = {"via": "mailto://mail.example", **terms}


@pytest.fixture
def subscribed() -> Subscribed:
    return Subscribed()


@pytest.fixture
def links(clock: SettableClock) -> Links:
    return Links(lambda: LINK_KEYS, clock)


@pytest.fixture
def messages(
    people: ChangingPeople, clock: SettableClock, links: Links, subscribed: Subscribed, receivers: Receivers
) -> Callable[[Store], dict[str, Any]]:
    """What an `Approvals` needs for messages, on this store: `Approvals(…, **messages(store))`."""

    def made(store: Store) -> dict[str, Any]:
        terms = Terms("https://queue.test")
        outbox = Outbox(store, people, clock, links, subscribed, receivers.opened, terms)
        notifications = Notifications(store, people, clock, subscribed, receivers.opened, outbox, terms)
        return {"links": links, "outbox": outbox, "notifications": notifications}

    return made


@pytest.fixture
def outbox(messages: Callable[[Store], dict[str, Any]], store: Store) -> Outbox:
    made: Outbox = messages(store)["outbox"]
    return made


class ChangingPolicies:
    """The policies as they read now; a request keeps those it opened under."""

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}
        self.set("offer")

    def __call__(self) -> Policies:
        return Policies(source="policies.toml", policies=dict(self._policies))

    def set(self, name: str, **terms: Any) -> Policy:
        """Give a policy these terms; for the rest: sales decides, silence expires, a decision can be recalled."""
        policy = Policy.model_validate({"groups": ("sales",), "on_timeout": "expire", **terms, "name": name})
        self._policies[name] = policy.model_copy(update={"version": digest(canonical(policy))[:12]})
        return self._policies[name]

    def remove(self, name: str) -> None:
        """Take a policy out of the file."""
        if self._policies.pop(name, None) is None:
            raise PolicyError(f"There is no policy {name!r} to remove.")


@pytest.fixture
def policies() -> ChangingPolicies:
    return ChangingPolicies()


@pytest.fixture
def gatekeeper(
    ledger: Ledger, people: ChangingPeople, policies: ChangingPolicies, examiner: OfferExaminer
) -> Gatekeeper:
    return Gatekeeper(ledger, people, policies, examiner)


@pytest.fixture
def propose() -> Callable[..., Proposed]:
    """What a gate asks: `propose(document=…, key=…, requester=…)`; `nth` is the round."""

    def make(
        *, run: str = "run-1", key: str = "northwind", nth: int = 1, succession: int = 0, **terms: Any
    ) -> Proposed:
        identity = Identity(run=run, gate="offer", key=key, round=nth, succession=succession)
        usual: dict[str, Any] = {
            "identity": identity,
            "kind": "tests:Offer",
            "action": "offer.send",
            "target": "mail://northwind.example",
            "title": "Offer for Northwind",
            "summary": "1200.00 for 40 shops",
            "document": offer(),
            "document_schema": Offer.model_json_schema(),
            "evidence": EVIDENCE,
            "based_on": {"crm:northwind": "v1"},
            "requester": "rita@acme.example",
            "run": RunReference(id=run, name=f"outreach {run}", flow="outreach"),
            "policy": "offer",
        }
        return Proposed.model_validate({**usual, **terms})

    return make


@pytest.fixture
def open_request(
    gatekeeper: Gatekeeper, policies: ChangingPolicies, propose: Callable[..., Proposed], WORKER: Actor
) -> Callable[..., Request]:
    """Open a request: `open_request(terms={"quorum": 2}, document=…)`. Each call without a key opens another."""
    opened = 0

    def make(terms: dict[str, Any] | None = None, **proposed: Any) -> Request:
        nonlocal opened
        opened += 1
        policies.set("offer", **(terms or {}))
        return gatekeeper.open(propose(**{"key": f"northwind-{opened}", **proposed}), WORKER)

    return make


# -- taking back -------------------------------------------------------------------------------------------------


class Starter:
    """Starts nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()
        self.away = False

    def start(self, deployment: str, parameters: dict[str, Any], *, requester: str, key: str) -> StartedRun:
        if self.away:
            raise RunsUnavailable("Prefect does not answer.")
        self.started.setdefault(key, {"deployment": deployment, "by": requester, **parameters})
        return StartedRun(id=f"run of {key}", ended=key in self.ended)


@pytest.fixture
def starter() -> Starter:
    return Starter()


@pytest.fixture
def reverts(ledger: Ledger, service: ApprovalService, policies: ChangingPolicies, starter: Starter) -> Reverts:
    """Takes back what was sent, under the policy `undo`."""
    policies.set("undo", groups=("sales",))
    return Reverts(ledger, service.authority, policies, {"offer.send": Way("revert/revert", "undo")}, starter)


@pytest.fixture
def done(
    open_request: Callable[..., Request], service: ApprovalService, gatekeeper: Gatekeeper, WORKER: Actor, BEN: Actor
) -> Callable[..., Request]:
    """Make a request that was signed and carried out: `done({"applied": […]})`."""

    def make(receipt: Any, **terms: Any) -> Request:
        request = open_request(**terms)
        service.approve(request.id, BEN, version=1, recall=0)
        answer = gatekeeper.take_up(request.id, request.run.id, WORKER)
        assert answer is not None
        assert answer.permit is not None
        permit, effects = answer.permit, gatekeeper.effects
        terms = {"action": permit.action, "target": permit.target, "sha256": permit.sha256, "run": permit.run_id}
        leave = effects.redeem(permit.slip, WORKER, **terms, holder="h", lease=10)
        assert isinstance(leave, Grant)
        effects.settle(permit.id, leave.fence, receipt, WORKER)
        return service.get(request.id)

    return make


# -- looking -----------------------------------------------------------------------------------------------------


@pytest.fixture
def events(store: Store) -> Callable[..., list[str]]:
    """The names of the record's events, all or those of one request."""

    def names(request_id: str | None = None) -> list[str]:
        return [entry.event.name for entry in store.entries(request_id=request_id)]

    return names


@pytest.fixture
def unchanged(store: Store) -> Callable[[Request], Any]:
    """`with unchanged(request): …` fails if the block changed the request, or wrote anything into the record."""

    class Unchanged:
        def __init__(self, request: Request) -> None:
            self._request = request

        def __enter__(self) -> None:
            self._before = self._all()

        def __exit__(self, kind: object, error: object, trace: object) -> None:
            if error is None:
                assert self._all() == self._before

        def _all(self) -> Any:
            with store.read() as transaction:
                request = transaction.request(self._request.id)
                assert request is not None
                number = request.id
                return (
                    request,
                    transaction.signoffs(number),
                    transaction.rulings(number),
                    transaction.permit_of(number),
                    [entry.hash for entry in store.entries()],
                )

    return Unchanged


# -- an identity provider ----------------------------------------------------------------------------------------


class ProviderProcess:
    """A real OpenID Connect server on this machine, and people who have accounts there."""

    def __init__(self, port: int, *options: str) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        # What it warns of when it starts is its own affair.
        command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(300):
            with suppress(httpx.HTTPError):
                httpx.get(f"{self.issuer}/.well-known/openid-configuration")
                return
            assert self._process.poll() is None, "the provider ended"
            time.sleep(0.05)
        pytest.fail("the provider did not answer")

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)

    def person(self, subject: str, **claims: Any) -> None:
        """Somebody with an account there."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def consent(self, address: str, subject: str) -> str:
        """The person signs in there, and is sent back: to which address."""
        return str(httpx.post(address, data={"sub": subject}).headers["Location"])

    def deny(self, address: str) -> str:
        """The person does not consent, and is sent back."""
        return str(httpx.post(address, data={"action": "deny"}).headers["Location"])

    def register(self, back: str) -> tuple[str, str]:
        """Make this queue known there: its id and its secret."""
        known = httpx.post(f"{self.issuer}/oauth2/clients", json={"redirect_uris": [back]}).json()
        return known["client_id"], known["client_secret"]


@pytest.fixture(scope="session")
def _free_port() -> Callable[[], int]:
    def free() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return free


@pytest.fixture(scope="session")
def identity_provider(_free_port: Callable[[], int]) -> Iterator[ProviderProcess]:
    """A provider that knows every client."""
    process = ProviderProcess(_free_port())
    try:
        process.wait()
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def strict_provider(_free_port: Callable[[], int]) -> Iterator[ProviderProcess]:
    """A provider that knows only clients which were registered there, and asks them for a nonce."""
    process = ProviderProcess(_free_port(), "--require-registration", "true", "--require-nonce", "true")
    try:
        process.wait()
        yield process
    finally:
        process.stop()
