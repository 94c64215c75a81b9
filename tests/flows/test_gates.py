"""Gates on a real Prefect server: what suspends, what wakes, and what a wake decides (nothing)."""

from __future__ import annotations

from uuid import UUID

import letters
import pytest
from houses import ANNA, BEN, until
from prefect.states import Running, Scheduled

from approvals.lifecycle import State
from approvals.resume import PrefectRuns
from flows.gates import Gate, effected, flow, reviewed
from flows.waking import Waker

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]


def test_a_run_at_a_gate_is_suspended_and_nobody_holds_its_request(house):
    run = house.start(letters.one_letter, to="halden")

    state = house.execute(letters.one_letter, run)

    request = house.the_request(run)
    assert state.name == "Suspended"
    assert state.state_details.pause_timeout is None
    assert (request.holder, request.held_until) == (None, None)
    assert (request.requester, request.attempt) == ("rita@acme.example", 1)
    assert house.calls == ["run halden", "write halden 1"]
    assert house.box("halden") == []


def test_an_approved_run_goes_on_once_and_no_gated_step_runs_again(house):
    run = house.begin(letters.two_letters, to="halden")
    house.approve(house.the_request(run))
    assert house.go_on(letters.two_letters, run).name == "Suspended"
    house.approve(house.the_request(run))

    state = house.go_on(letters.two_letters, run)

    assert state.name == "Completed"
    assert house.calls == ["write halden 1", "answer halden", "post halden"]
    assert house.box("halden") == ["Re: Dear halden, draft 1"]
    assert house.result(run) == {"letters": ["Re: Dear halden, draft 1"]}
    assert "run.woken" not in house.events()


def test_whoever_resumes_forces_or_edits_a_run_decides_nothing_and_stands_in_the_record(house):
    run = house.begin(letters.one_letter, to="halden")

    house.resume(run)
    pressed = house.execute(letters.one_letter, run)
    house.client.set_flow_run_state(UUID(run), Running(), force=True)
    forced = house.execute(letters.one_letter, run)
    house.client.set_flow_run_state(UUID(run), Scheduled(name="Scheduled"), force=True)
    in_bulk = house.execute(letters.one_letter, run)

    request = house.the_request(run)
    states = [pressed, forced, in_bulk]
    assert [state.name for state in states] == ["Suspended"] * 3
    assert [state.state_details.pause_key for state in states] == [f"gate-{request.id}-{n}" for n in (2, 3, 4)]
    assert house.events(request) == ["request.opened", "run.woken", "run.woken", "run.woken"]
    assert (request.state, request.version, request.attempt) == (State.PENDING, 1, 4)
    assert "write halden 1" in house.calls
    assert house.calls.count("write halden 1") == 1
    assert house.box("halden") == []


def test_the_first_draft_wins_however_the_flow_words_it_later(house):
    run = house.begin(letters.by_hand, to="halden")
    house.resume(run)
    house.execute(letters.by_hand, run)
    house.approve(house.the_request(run))

    house.go_on(letters.by_hand, run)

    assert house.calls == ["run halden"] * 3
    assert house.result(run) == {"decision": "Approved", "text": "Worded in run 1"}


def test_an_answer_that_comes_before_the_suspension_is_committed_is_not_lost(house, meanwhile):
    run = house.start(letters.one_letter, to="halden")
    meanwhile(lambda: house.approve(until(lambda: house.open_requests(run))[0]))

    state = house.execute(letters.one_letter, run)

    if state.name == "Suspended":
        # It came a moment later; then the waker asks until the gate has taken the answer up.
        assert Waker(house.approvals, PrefectRuns()).once().woken == 1
        state = house.execute(letters.one_letter, run)
    assert state.name == "Completed"
    assert house.calls.count("write halden 1") == house.calls.count("post halden") == 1
    assert house.requests(run)[0].wake_since is None


def test_an_answer_that_can_still_be_taken_back_is_not_taken_up(house):
    run = house.begin(letters.one_letter, to="halden")
    house.approve(house.the_request(run), recall=60)
    waker = Waker(house.approvals, PrefectRuns())

    woken = waker.once().woken
    state = house.go_on(letters.one_letter, run)

    assert woken == 0
    assert state.name == "Suspended"
    assert house.requests(run)[0].taken_up_at is None
    assert house.box("halden") == []
    house.approvals.service.recall(house.requests(run)[0].id, ANNA)
    house.reject(house.the_request(run))
    assert waker.once().woken == 1
    assert house.execute(letters.one_letter, run).name == "Rejected"
    assert house.box("halden") == []


def test_where_the_policy_asks_nobody_the_run_goes_through_and_the_rule_is_recorded(house):
    run = house.start(letters.unasked, to="halden")

    state = house.execute(letters.unasked, run)

    (request,) = house.requests(run)
    assert state.name == "Completed"
    assert request.ruling.rule == "ask_when = flagged, and nothing was flagged"
    assert request.ruling.by.kind == "policy"
    assert house.box("halden") == ["Dear halden, draft 1"]


def test_one_gate_in_a_loop_asks_once_for_each_prospect_and_mixes_nothing_up(house):
    people = ["halden", "kestrel", "orrin"]
    run = house.begin(letters.letters_in_turn, people=people)
    for _ in people:
        house.approve(house.the_request(run))
        state = house.go_on(letters.letters_in_turn, run)

    requests = house.requests(run)
    assert state.name == "Completed"
    assert [request.content.value()["to"] for request in requests] == people
    assert len({request.identity.key for request in requests}) == 3
    assert [house.box(to) for to in people] == [
        [f"Dear {to}, draft {n}"] for to, n in zip(people, (1, 3, 5), strict=True)
    ]
    assert house.events().count("permit.used") == 3


def test_many_are_asked_at_once_and_each_gets_its_own_answer(house):
    people = ["halden", "kestrel", "orrin"]
    run = house.begin(letters.letters_at_once, people=people)
    assert [request.holder for request in house.open_requests(run)] == [None] * 3
    asked = {request.content.value()["to"]: request for request in house.open_requests(run)}
    house.approve(asked["orrin"])
    house.reject(asked["kestrel"], by=BEN)

    still = house.go_on(letters.letters_at_once, run)
    house.approve(asked["halden"], by=BEN)
    state = house.go_on(letters.letters_at_once, run)

    assert still.name == "Suspended"
    assert state.name == "Completed"
    assert house.result(run) == ["Dear halden, draft 1", "Rejected", "Dear orrin, draft 3"]
    assert (house.box("halden"), house.box("kestrel"), house.box("orrin")) == (
        ["Dear halden, draft 1"],
        [],
        ["Dear orrin, draft 3"],
    )
    assert [call for call in house.calls if call.startswith("write")] == [f"write {to} 1" for to in people]
    assert house.events().count("permit.used") == 2
    # It woke because others had been answered: nobody pressed Resume.
    assert "run.woken" not in house.events()


def test_one_of_many_that_is_sent_back_is_drafted_anew_and_asked_alone(house):
    run = house.begin(letters.letters_at_once, people=["halden", "kestrel"])
    first, second = house.open_requests(run)
    house.approve(first)
    house.send_back(second, "Warmer, please.")

    assert house.go_on(letters.letters_at_once, run).name == "Suspended"
    again = house.the_request(run)
    house.approve(again)
    state = house.go_on(letters.letters_at_once, run)

    assert state.name == "Completed"
    assert (again.identity.key, again.identity.round) == (second.identity.key, 2)
    assert again.content.value()["text"] == "Dear kestrel, draft 3 (Warmer, please.) was: Dear kestrel, draft 2"
    assert house.calls[:3] == ["write halden 1", "write kestrel 1", "write kestrel 2"]
    assert house.box("kestrel") == [again.content.value()["text"]]


def test_a_repeated_input_is_refused_before_anybody_is_asked(house):
    run = house.start(letters.letters_at_once, people=["halden", "halden"])

    state = house.execute(letters.letters_at_once, run)

    assert state.type.value == "FAILED"
    assert "GateReused" in state.message
    assert house.requests(run) == []


def test_when_the_rounds_are_used_up_the_run_ends_as_returned_and_nothing_is_sent(house):
    run = house.begin(letters.at_most_twice, to="halden")
    house.send_back(house.the_request(run), "Shorter.")
    assert house.go_on(letters.at_most_twice, run).name == "Suspended"
    house.send_back(house.the_request(run), "Shorter still.")

    state = house.go_on(letters.at_most_twice, run)

    assert (state.type.value, state.name) == ("COMPLETED", "Returned")
    assert "Shorter still." in state.message
    assert "anna@acme.example" in state.message
    assert house.calls == ["write halden 1", "write halden 2"]
    assert house.box("halden") == []


def test_edited_words_reach_the_steps_that_follow_as_they_were_signed(house):
    text = "Sehr geehrte Frau Ångström 🦩 " + "ß" * 200_000
    run = house.begin(letters.two_letters, to="halden")
    edited = {"to": "halden", "text": text, "postage": "0.30"}
    house.approve(house.the_request(run), edited=edited)

    house.go_on(letters.two_letters, run)
    house.approve(house.the_request(run))
    state = house.go_on(letters.two_letters, run)

    first, second = house.requests(run)
    assert state.name == "Completed"
    assert first.ruling.edited is True
    assert second.content.value() == {"to": "halden", "text": f"Re: {text}", "postage": "0.30"}
    assert house.box("halden") == [f"Re: {text}"]


def test_what_the_world_overtook_is_asked_again_with_a_permit_of_its_own(house):
    run = house.begin(letters.one_letter, to="halden")
    edited = {"to": "halden", "text": "one\ntwo", "postage": "1.10"}
    house.approve(house.the_request(run), edited=edited)

    assert house.go_on(letters.one_letter, run).name == "Suspended"
    successor = house.the_request(run)
    house.approve(successor)
    state = house.go_on(letters.one_letter, run)

    first = house.requests(run)[0]
    assert state.name == "Completed"
    assert (successor.supersedes, successor.identity.succession) == (first.id, 1)
    assert successor.content.value()["text"] == "two"
    assert successor.content.moved
    assert "return" not in successor.verdicts
    assert house.box("halden") == ["one", "two"]
    assert house.calls.count("post halden") == 2
    assert house.result(run) == {"letters": ["one", "two"]}


def test_what_remained_can_be_rejected_and_what_was_done_is_told(house):
    run = house.begin(one_letter_or_what_was_done, to="halden")
    house.approve(house.the_request(run), edited={"to": "halden", "text": "one\ntwo\nthree", "postage": "1.10"})
    house.go_on(one_letter_or_what_was_done, run)
    house.approve(house.the_request(run))
    house.go_on(one_letter_or_what_was_done, run)
    house.reject(house.the_request(run))

    state = house.go_on(one_letter_or_what_was_done, run)

    assert state.name == "Completed"
    assert house.result(run) == {"outcome": "Rejected", "done": ["one", "two"]}
    assert house.box("halden") == ["one", "two"]


@flow(gates=[letters.LETTER])
async def one_letter_or_what_was_done(to: str) -> dict[str, object]:
    """Tells what had been done before somebody said no."""
    from flows.gates import Unapproved

    letter = await reviewed(letters.LETTER, letters.write, to)
    try:
        await effected(letters.LETTER, letters.post, letter)
    except Unapproved as end:
        return {"outcome": end.outcome, "done": list(end.done.letters)}
    return {}


TELEGRAM = Gate("letter", letters.Telegram, action="letter.post", target=letters.POST)


@letters.task
async def wire(to: str) -> letters.Telegram:
    """Drafts what fits."""
    return letters.Telegram(to=to, text="STOP")


@flow(gates=[TELEGRAM], name="one-letter")
async def one_telegram(to: str) -> letters.Posted:
    """`one_letter` after its document became stricter."""
    letter = await reviewed(TELEGRAM, wire, to)
    done: letters.Posted = await effected(TELEGRAM, letters.post, letter)
    return done


def test_what_no_longer_fits_its_class_gets_no_permit_and_is_asked_again(house):
    run = house.begin(letters.one_letter, to="halden")
    house.approve(house.the_request(run))

    # The code changes while the answer waits to be taken up, and is rolled back later.
    assert house.go_on(one_telegram, run).name == "Suspended"
    successor = house.the_request(run)
    rolled_back = house.go_on(letters.one_letter, run)
    house.approve(successor)
    state = house.go_on(one_telegram, run)

    first = house.requests(run)[0]
    assert first.state is State.APPROVED
    with house.approvals.store.read() as transaction:
        assert transaction.permit_of(first.id) is None
    assert rolled_back.name == "Suspended"
    assert (successor.supersedes, successor.identity.succession) == (first.id, 1)
    assert state.name == "Completed"
    assert house.box("halden") == ["STOP"]


def test_a_state_forced_upon_a_run_at_work_stands_and_the_run_does_not_fail(house):
    run = house.start(forced, to="halden")

    state = house.execute(forced, run)

    assert state.type.value == "SCHEDULED"
    assert house.the_request(run).state is State.PENDING
    assert house.execute(letters.one_letter, run).name == "Suspended"


@letters.task
async def write_while_somebody_reschedules(to: str) -> letters.Letter:
    """Somebody edits the run in the UI meanwhile."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    async with get_client() as client:
        await client.set_flow_run_state(UUID(flow_run.id), Scheduled(), force=True)
    return letters.Letter(to=to, text="Dear reader")


@flow(gates=[letters.LETTER], name="one-letter")
async def forced(to: str) -> None:
    """Its step takes so long that somebody loses patience."""
    await reviewed(letters.LETTER, write_while_somebody_reschedules, to)


def test_policies_that_change_while_a_run_waits_do_not_cost_it_its_answer(house):
    run = house.begin(letters.one_letter, to="halden")
    house.approve(house.the_request(run))
    (house.home / "policies.toml").write_text("[policies.other]\ngroups = ['sales']\non_timeout = 'expire'\n")

    state = house.go_on(letters.one_letter, run)

    assert state.name == "Completed"
    assert house.box("halden") == ["Dear halden, draft 2"]
