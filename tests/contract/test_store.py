"""What every store promises: values come back as they went in, late changes are refused, failed ones leave nothing."""

from __future__ import annotations

import json
import secrets
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from approvals.canonical import canonical
from approvals.decisions import Actor, FieldDifference
from approvals.errors import NotFound, Overtaken, UnknownScheme
from approvals.lifecycle import TRANSITIONS, Action, State
from approvals.permits import PermitState
from approvals.ports import Remembered, Token
from approvals.requests import Cost, Evidence, Finding, Flag, Identity, RunReference, Source, WorkingCopy
from approvals.store import open_store

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
SOUND_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
HOSTILE = "Ü \0 \ufdd0 % _ | ' \" \\ \u202e </script> 🜚"
BROKEN = HOSTILE + "\ud800"


# -- what goes in comes out --------------------------------------------------------------------------------------


def test_a_request_comes_back_as_it_was_opened(store, made, opened):
    request = opened(
        store,
        identity=Identity(run="run-1", gate="g", key="k", round=3, succession=2),
        title=BROKEN,
        summary=HOSTILE,
        requester=HOSTILE,
        run=RunReference(id="run-1", name=HOSTILE, flow="f", deployment="d", url="https://prefect.example/run-1"),
        action=None,
        target=None,
        supersedes="AAAAAAAAAA",
        verdicts=("approve", "reject"),
        priority="high",
        policy=made.policy(quorum=2, editors=(), escalate_to=("managers",), on_timeout="escalate"),
        state=State.CLAIMED,
        claimed_by="ben@acme.example",
        claimed_until=datetime(2026, 3, 2, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        escalated=True,
        wake_since=made.now,
        attempt=4,
        holder="host:1",
        held_until=made.now,
    )

    with store.read() as transaction:
        found = transaction.request(request.id)

    assert found == request
    assert found.claimed_until.tzinfo is UTC


def test_content_comes_back_as_it_was_written(store, made, opened):
    content = made.content(
        document=canonical({"amount": "1150.00", "text": "ü" * 200_000, "nested": [[1, 2.5, None, True]]}),
        evidence=Evidence(
            sources=(Source(id="s", address="a", fetched={"deep": [1, "\0"]}),),
            findings=(Finding(claim_id="c", support="partly", reasons=("r",)),),
        ),
        cost=Cost(amount=Decimal("1150.10"), currency="EUR", tokens=2**40, model="m"),
        flags=(Flag(code="c", message=HOSTILE, severity="high"),),
    )

    request = opened(store, content=content)

    with store.read() as transaction:
        found = transaction.request(request.id).content
    assert found == content
    assert str(found.cost.amount) == "1150.10"
    assert found.document == content.document


def test_every_version_of_the_content_stays_and_the_current_one_is_shown(store, made, opened):
    first = opened(store)
    second = made.content(version=2, document='{"v":2}', author="anna.berg@acme.example")

    with store.begin() as transaction:
        transaction.add_content(first.id, second)
        revised = first.model_copy(update={"version": 2, "content": second})
        transaction.change(first, revised, Action.REVISE)
        transaction.record(made.event())

    with store.read() as transaction:
        assert transaction.request(first.id).content == second
        assert transaction.content(first.id, 1) == first.content
        assert transaction.content(first.id, 2) == second
        assert transaction.content(first.id, 3) is None


def test_the_same_version_is_written_once_and_another_of_its_number_is_refused(store, made, opened):
    request = opened(store)

    with store.begin() as transaction:
        transaction.add_content(request.id, request.content)
    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.add_content(request.id, made.content(document='{"other":true}'))

    with store.read() as transaction:
        assert transaction.request(request.id) == request


def test_rulings_signoffs_and_permits_come_back_as_they_were_written(store, made, opened):
    request = opened(store)
    rulings = (
        made.ruling(
            seq=1,
            by=Actor(kind="policy", id=HOSTILE, via="policy", scopes=frozenset()),
            typed=BROKEN,
            reason=HOSTILE,
            feedback="",
            changes=(FieldDifference(path="amount", before="1200.00", after=["1100.00", None]),),
            recalled=True,
        ),
        made.ruling(Action.REJECT, seq=2, document=None, sha256=None, typed=None, code="price", rule="r"),
    )
    signoffs = (made.signoff(vouched=("c1", HOSTILE)), made.signoff(person="ben@acme.example"))
    permit = made.permit(request, receipt='{"sent":true}', used_at=made.now, state=PermitState.USED, fence=7)

    with store.begin() as transaction:
        for ruling in rulings:
            transaction.add_ruling(request.id, ruling)
        for signoff in signoffs:
            transaction.add_signoff(request.id, signoff)
        transaction.add_permit(permit)
        transaction.record(made.event())

    with store.read() as transaction:
        assert transaction.rulings(request.id) == rulings
        assert transaction.signoffs(request.id) == signoffs
        assert transaction.permit(permit.id) == transaction.permit_of(request.id) == permit
        assert transaction.permit("P") is transaction.permit_of("R") is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=ANY_TEXT,
    typed=ANY_TEXT,
    at=st.datetimes(timezones=st.timezones()),
    document=st.dictionaries(SOUND_TEXT, SOUND_TEXT),
)
def test_any_text_and_any_instant_survive(store, made, title, typed, at, document):
    assume(
        datetime.min.replace(tzinfo=UTC) + timedelta(days=2) < at < datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    )
    number = secrets.token_hex(8)
    request = made.request(number, title=title, due_at=at, content=made.content(document=canonical(document)))
    ruling = made.ruling(typed=typed, effective_at=at)

    with store.begin() as transaction:
        transaction.add_request(request)
        transaction.add_ruling(number, ruling)
        transaction.record(made.event(at=at))

    with store.read() as transaction:
        found = transaction.request(number)
    assert (found.title, found.due_at, found.content.value()) == (title, at.astimezone(UTC), document)
    assert (found.ruling.typed, found.ruling.effective_at) == (typed, at.astimezone(UTC))


def test_the_ruling_shown_is_the_latest_that_nobody_took_back(store, made, opened):
    request = opened(store)
    with store.begin() as transaction:
        transaction.add_ruling(request.id, made.ruling(seq=1))
        transaction.add_ruling(request.id, made.ruling(seq=2, code="second"))
        transaction.record(made.event())

    with store.begin() as transaction:
        shown = transaction.request(request.id).ruling
        transaction.mark_recalled(request.id, 2)
        transaction.record(made.event())

    with store.read() as transaction:
        assert shown.seq == 2
        assert transaction.request(request.id).ruling.seq == 1
    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.mark_recalled(request.id, 2)


def test_taking_a_decision_back_returns_the_request_without_it(store, made, answered):
    request = answered(store)

    with store.begin() as transaction:
        transaction.mark_recalled(request.id, 1)
        after = request.model_copy(update={"state": State.PENDING, "effective_at": None})
        reopened = transaction.change(request, after, Action.RECALL)
        transaction.record(made.event())

    assert reopened.ruling is None
    with store.read() as transaction:
        assert transaction.request(request.id) == reopened


def test_signoffs_are_voided_for_a_person_for_other_documents_or_all(store, made, opened):
    request = opened(store)
    with store.begin() as transaction:
        for person, sha256 in (("anna", "aa"), ("ben", "bb"), ("cleo", "aa"), ("dora", "cc")):
            transaction.add_signoff(request.id, made.signoff(person=person, sha256=sha256))
        transaction.record(made.event())

    with store.begin() as transaction:
        told = [
            transaction.void_signoffs(request.id, person="dora"),
            transaction.void_signoffs(request.id, other_than_sha256="aa"),
            transaction.void_signoffs(request.id, person="dora"),
        ]
        standing = [one.person for one in transaction.signoffs(request.id) if not one.voided]
        told.append(transaction.void_signoffs(request.id))
        transaction.record(made.event())

    assert told == [1, 1, 0, 2]
    assert standing == ["anna", "cleo"]
    with store.read() as transaction:
        assert all(one.voided for one in transaction.signoffs(request.id))


def test_working_copies_are_kept_per_person_and_version(store, made, opened):
    request = opened(store)
    typed = {"text": BROKEN, "number": 0.1, "large": 2**70}

    def copy(person: str, version: int = 1, document: object = typed) -> WorkingCopy:
        return WorkingCopy(request_id=request.id, person=person, version=version, document=document, at=made.now)

    with store.begin() as transaction:
        transaction.put_working_copy(copy("anna", document="first"))
        transaction.put_working_copy(copy("anna"))
        transaction.put_working_copy(copy("anna", version=2))
        transaction.put_working_copy(copy("ben"))

    with store.begin() as transaction:
        assert transaction.working_copy(request.id, "anna", 1) == copy("anna")
        transaction.drop_working_copies(request.id, "anna")
        assert transaction.working_copy(request.id, "anna", 2) is None
        assert transaction.working_copy(request.id, "ben", 1) == copy("ben")
        transaction.drop_working_copies(request.id)
        assert transaction.working_copy(request.id, "ben", 1) is None


def test_tokens_are_found_by_their_digest_and_changed_by_their_id(store, made):
    first = Token(
        id="T1", sha256="aa", subject="anna", kind="person", scopes=frozenset({"read", "decide"}), created_at=made.now
    )
    second = first.model_copy(update={"id": "T2", "sha256": "bb", "created_at": made.now + timedelta(hours=1)})
    with store.begin() as transaction:
        transaction.add_token(second)
        transaction.add_token(first)
        transaction.record(made.event("token.created"))

    revoked = first.model_copy(update={"revoked_at": made.now, "last_used_at": made.now})
    with store.begin() as transaction:
        transaction.change_token(revoked)
        transaction.record(made.event("token.revoked"))

    with store.read() as transaction:
        assert transaction.token("aa") == revoked
        assert transaction.token("cc") is None
        assert transaction.tokens() == (revoked, second)
    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.add_token(second.model_copy(update={"id": "T3"}))
    with pytest.raises(NotFound, match="T9"), store.begin() as transaction:
        transaction.change_token(first.model_copy(update={"id": "T9"}))


def test_an_answer_is_remembered_per_key_and_caller_and_the_first_stays(store, made):
    answer = Remembered(body_sha256="aa", status=200, answer='{"ok":true}')
    with store.begin() as transaction:
        transaction.remember("key", "anna", answer, made.now)

    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.remember("key", "anna", answer.model_copy(update={"status": 500}), made.now)

    with store.read() as transaction:
        assert transaction.remembered("key", "anna") == answer
        assert transaction.remembered("key", "ben") is None


def test_requests_are_found_by_identity_and_by_key(store, opened):
    def identity(turn: int, succession: int) -> Identity:
        return Identity(run="run-1", gate="g", key="k\0", round=turn, succession=succession)

    for number, (turn, succession) in {"A": (2, 0), "B": (1, 1), "C": (1, 0)}.items():
        opened(store, number, identity=identity(turn, succession))
    opened(store, "D", identity=Identity(run="run-2", gate="g", key="k\0"))

    with store.read() as transaction:
        assert transaction.identified(identity(1, 1)).id == "B"
        assert transaction.identified(identity(3, 0)) is None
        assert [request.id for request in transaction.of_key("run-1", "g", "k\0")] == ["C", "B", "A"]
        assert transaction.of_key("run-1", "g", "other") == ()


def test_an_identity_is_opened_once(store, made, opened):
    first = opened(store, "A")

    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.add_request(made.request("B", identity=first.identity))

    with store.read() as transaction:
        assert transaction.request("B") is None
        assert transaction.identified(first.identity) == first


def test_what_belongs_to_no_request_is_refused_with_a_sentence(store, made):
    for add in (
        lambda transaction: transaction.add_signoff("NOWHERE", made.signoff()),
        lambda transaction: transaction.add_ruling("NOWHERE", made.ruling()),
        lambda transaction: transaction.add_permit(made.permit(made.request("NOWHERE"))),
        lambda transaction: transaction.add_content("NOWHERE", made.content()),
    ):
        with pytest.raises(NotFound, match="no such request"), store.begin() as transaction:
            add(transaction)


@pytest.mark.parametrize("number", ["NOWHERE", "\0", "\ud800", "'; --", ""])
def test_looking_for_what_nobody_wrote_finds_nothing(number, store):
    with store.read() as transaction:
        assert transaction.request(number) is None
        assert transaction.content(number, 1) is None
        assert transaction.permit(number) is transaction.permit_of(number) is None
        assert transaction.token(number) is None
        assert transaction.signoffs(number) == transaction.rulings(number) == ()
        assert transaction.working_copy(number, number, 1) is None
        assert transaction.remembered(number, number) is None
        assert transaction.of_key(number, number, number) == transaction.untaken(number) == ()
        assert transaction.waiting(5, after=number) == ()
    assert list(store.entries(request_id=number)) == []


# -- compare and set ---------------------------------------------------------------------------------------------


def test_a_change_from_an_outdated_reading_is_refused_and_changes_nothing(store, made, opened):
    request = opened(store)
    with store.begin() as transaction:
        claimed = request.model_copy(update={"state": State.CLAIMED, "claimed_by": "ben"})
        won = transaction.change(request, claimed, Action.CLAIM)
        transaction.record(made.event())

    late = request.model_copy(update={"state": State.REJECTED})
    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.change(request, late, Action.REJECT)

    assert won.revision == request.revision + 1
    with store.read() as transaction:
        assert transaction.request(request.id) == won


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("state", State)
def test_the_store_lets_an_action_through_exactly_where_the_table_does(state, action, made, shared_memory):
    request = made.request(f"{state}-{action}", state=state)
    with shared_memory.begin() as transaction:
        transaction.add_request(request)
        transaction.record(made.event())
    target = TRANSITIONS[state].get(action, State.WITHDRAWN)
    after = request.model_copy(update={"state": target, "claimed_by": "ben"})

    if action in TRANSITIONS[state]:
        with shared_memory.begin() as transaction:
            changed = transaction.change(request, after, action)
            transaction.record(made.event())
    else:
        with pytest.raises(Overtaken), shared_memory.begin() as transaction:
            transaction.change(request, after, action)
        changed = request

    with shared_memory.read() as transaction:
        assert transaction.request(request.id) == changed


@pytest.fixture(scope="module")
def shared_memory():
    store = open_store("sqlite:///:memory:")
    yield store
    store.close()


def test_the_guard_on_states_holds_on_every_database(store, made, opened):
    for state in State:
        for action in Action:
            request = opened(store, f"{state}-{action}", state=state)
            after = request.model_copy(update={"claimed_by": "ben"})

            allowed = True
            try:
                with store.begin() as transaction:
                    transaction.change(request, after, action)
                    transaction.record(made.event())
            except Overtaken:
                allowed = False

            assert allowed == (action in TRANSITIONS[state]), (state, action)


def test_a_permit_changes_only_from_the_state_and_the_fence_that_was_read(store, made, opened):
    request = opened(store)
    minted = made.permit(request)
    with store.begin() as transaction:
        transaction.add_permit(minted)
        transaction.record(made.event())
    taken = minted.model_copy(update={"state": PermitState.IN_USE, "holder": "a", "fence": 1, "lease_until": made.now})
    with store.begin() as transaction:
        transaction.change_permit(minted, taken)
        transaction.record(made.event())

    again = taken.model_copy(update={"holder": "b", "fence": 2})
    with store.begin() as transaction:
        transaction.change_permit(taken, again)

    for seen in (minted, taken):
        with pytest.raises(Overtaken), store.begin() as transaction:
            transaction.change_permit(seen, again.model_copy(update={"holder": "late"}))

    with store.read() as transaction:
        assert transaction.permit(minted.id) == again
    with pytest.raises(Overtaken), store.begin() as transaction:
        transaction.add_permit(made.permit(request, id="second"))


# -- all or nothing ----------------------------------------------------------------------------------------------


def test_an_exception_leaves_no_trace(store, made, opened):
    request = opened(store)

    with pytest.raises(ZeroDivisionError), store.begin() as transaction:  # noqa: PT012
        transaction.add_request(made.request("OTHER"))
        transaction.add_ruling(request.id, made.ruling())
        transaction.change(request, request.model_copy(update={"state": State.APPROVED}), Action.APPROVE)
        transaction.record(made.event())
        1 / 0  # noqa: B018

    with store.read() as transaction:
        assert transaction.request(request.id) == request
        assert transaction.request("OTHER") is None
        assert transaction.rulings(request.id) == ()
    assert [entry.seq for entry in store.entries()] == [1]


def test_writing_without_recording_is_refused_and_undone(store, made, opened):
    request = opened(store)

    with pytest.raises(RuntimeError, match="signoff 7K2M9QX4TB/1"), store.begin() as transaction:  # noqa: PT012
        transaction.record(made.event())
        transaction.add_signoff(request.id, made.signoff())

    with store.read() as transaction:
        assert transaction.signoffs(request.id) == ()
    assert len(list(store.entries())) == 1


def test_changing_without_recording_is_refused_and_undone(store, opened):
    request = opened(store)

    with pytest.raises(RuntimeError, match="request 7K2M9QX4TB"), store.begin() as transaction:
        transaction.change(request, request.model_copy(update={"state": State.EXPIRED}), Action.EXPIRE)

    with store.read() as transaction:
        assert transaction.request(request.id) == request


def test_a_reader_cannot_write(store, made):
    with pytest.raises(RuntimeError, match="only reads"), store.read() as transaction:
        transaction.add_request(made.request())

    with store.read() as transaction:
        assert transaction.request("7K2M9QX4TB") is None


def test_operational_columns_change_without_an_entry(store, made, opened, verified):
    request = opened(store)

    with store.begin() as transaction:
        update = {"holder": "host:1", "held_until": made.now, "attempt": 5, "wake_since": made.now}
        changed = transaction.change(request, request.model_copy(update=update), None)

    with store.read() as transaction:
        assert transaction.request(request.id) == changed
    assert verified(store).ok
    assert len(list(store.entries())) == 1


def test_a_reader_sees_one_moment(shared_store, made, opened):
    opened(shared_store, "A")

    with shared_store.read() as transaction:
        before = transaction.request("A")
        opened(shared_store, "B")
        with shared_store.begin() as writing:
            writing.change(before, before.model_copy(update={"title": "later"}), None)
            writing.record(made.event())
        assert transaction.request("A") == before
        assert transaction.request("B") is None


def test_one_may_read_while_reading_in_any_store(store, opened):
    request = opened(store)

    with store.read() as outer, store.read() as inner:
        assert inner.request(request.id) == outer.request(request.id) == request
        assert len(list(store.entries())) == 1


def test_a_record_that_is_read_halfway_stops_nobody(store, opened):
    opened(store, "A")
    entries = store.entries()
    next(entries)

    opened(store, "B")

    with store.read() as transaction:
        assert transaction.request("B") is not None
    entries.close()


def test_an_unknown_scheme_names_the_known_ones_and_repeats_no_password():
    with pytest.raises(UnknownScheme) as refused:
        open_store("mysql://anna:secret@db.example/x")

    assert "postgresql://" in str(refused.value)
    assert "sqlite://" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_documents_stay_text_letter_for_letter(store, made, opened, by_hand):
    document = canonical({"b": "1150.00", "a": 1})
    opened(store, content=made.content(document=document))

    assert by_hand(store, "UPDATE approvals_content SET author = author WHERE document = :text", text=document) == 1
    with store.read() as transaction:
        assert json.loads(transaction.content("7K2M9QX4TB", 1).document) == {"b": "1150.00", "a": 1}


# -- one moment --------------------------------------------------------------------------------------------------


def test_what_is_read_in_a_view_is_of_one_moment_whatever_is_written_meanwhile(shared_store, shared_address, opened):
    opened(shared_store, "A")
    other = open_store(shared_address)

    with shared_store.view():
        with shared_store.read() as transaction:
            before = [request.id for request in transaction.waiting(10)]
        opened(other, "B")
        with shared_store.read() as transaction:
            meanwhile = [request.id for request in transaction.waiting(10)]
            unseen = transaction.request("B")
    with shared_store.read() as transaction:
        after = [request.id for request in transaction.waiting(10)]
    other.close()

    assert (before, meanwhile, unseen, after) == (["A"], ["A"], None, ["A", "B"])


def test_a_view_belongs_to_its_thread(shared_store, opened):
    seen: list[str] = []

    def look() -> None:
        opened(shared_store, "B")
        with shared_store.read() as transaction:
            seen.extend(request.id for request in transaction.waiting(10))

    with shared_store.view(), shared_store.read() as transaction:
        transaction.waiting(10)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        here = transaction.waiting(10)

    assert (seen, here) == (["B"], ())


def test_nothing_is_written_inside_a_view(store, opened):
    with store.view(), pytest.raises(RuntimeError, match="only looks"), store.begin():
        pass
    opened(store, "A")

    with store.read() as transaction:
        assert transaction.request("A") is not None
