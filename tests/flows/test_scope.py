"""Where a gate may stand, what is checked before the first line, and on whose behalf a run asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import letters
import prefect
import pytest
from houses import BEN, result_of, until
from letters import LETTER, NOTE, UNASKED, Letter, write
from prefect.client.schemas.objects import FlowRun
from pydantic import BaseModel

from approvals.decisions import Rejected, Undecidable
from approvals.errors import PolicyError
from approvals.ledger import Ledger
from approvals.resume import PrefectRuns
from flows.errors import GateInvalid, GateKeyMissing, GateMisplaced, GateNotDeclared, GateReused, Unapproved
from flows.gates import Gate, flow, gate, reviewed, reviewed_all
from flows.scope import _requester
from flows.waking import Waker

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

A_LETTER = Letter(to="halden", text="Dear reader")


# -- misplaced: each is loud, and nobody is asked ----------------------------------------------------------------


@flow(gates=[LETTER])
async def in_a_bare_gather() -> None:
    await asyncio.gather(reviewed(LETTER, write, "halden"), reviewed(LETTER, write, "kestrel"))


@flow(gates=[LETTER])
async def in_a_gather_that_returns_exceptions() -> None:
    answers = await asyncio.gather(reviewed(LETTER, write, "halden"), return_exceptions=True)
    raise answers[0]


@flow(gates=[LETTER])
async def in_create_task() -> None:
    await asyncio.create_task(reviewed(LETTER, write, "halden"))


@flow(gates=[LETTER])
async def in_a_task_group() -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(gate(A_LETTER, LETTER, key="k"))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


@flow(gates=[LETTER])
async def in_a_thread() -> None:
    await asyncio.to_thread(lambda: asyncio.run(reviewed(LETTER, write, "halden")))


@prefect.task
async def task_with_a_gate(to: str) -> None:
    await reviewed(LETTER, write, to)


@flow(gates=[LETTER])
async def in_a_task() -> None:
    await task_with_a_gate("halden")


@flow(gates=[LETTER])
async def in_a_mapped_task() -> None:
    task_with_a_gate.map(["halden", "kestrel"]).result()


@flow(gates=[LETTER])
async def in_reviewed_all_in_a_task_group() -> None:
    await asyncio.wait_for(asyncio.ensure_future(reviewed_all(LETTER, write, ["halden"])), 30)


@flow(gates=[LETTER], name="child of ours")
async def child_of_ours() -> None:
    await reviewed(LETTER, write, "halden")


@flow(gates=[LETTER])
async def in_a_subflow_of_ours() -> None:
    await child_of_ours()


@prefect.flow(name="child of Prefect's")
async def child_of_prefects() -> None:
    await reviewed(LETTER, write, "halden")


@flow(gates=[LETTER])
async def in_a_subflow_of_prefects() -> None:
    await child_of_prefects()


@prefect.flow(name="Prefect's own")
async def in_a_flow_of_prefects() -> None:
    await reviewed(LETTER, write, "halden")


@prefect.flow(name="Prefect's own, with a flow of ours in it")
async def in_a_flow_of_ours_in_one_of_prefects() -> None:
    await letters.one_letter("halden")


@pytest.mark.parametrize(
    ("misplaced", "says"),
    [
        (in_a_bare_gather, "reviewed_all"),
        (in_a_gather_that_returns_exceptions, "reviewed_all"),
        (in_create_task, "reviewed_all"),
        (in_a_task_group, "reviewed_all"),
        (in_reviewed_all_in_a_task_group, "reviewed_all"),
        (in_a_thread, "thread"),
        (in_a_task, "a task cannot suspend"),
        (in_a_mapped_task, "a task cannot suspend"),
        (in_a_subflow_of_ours, "start_run"),
        (in_a_subflow_of_prefects, "subflow"),
        (in_a_flow_of_prefects, "flows.flow"),
        (in_a_flow_of_ours_in_one_of_prefects, "subflow"),
    ],
    ids=lambda value: value.fn.__name__ if isinstance(value, prefect.Flow) else "",
)
def test_a_misplaced_gate_fails_loudly_and_asks_nobody(house, misplaced, says):
    state = house.call(misplaced)

    assert state.type.value == "FAILED"
    with pytest.raises(GateMisplaced, match=says):
        result_of(state)
    assert house.requests() == []
    assert house.calls == []


async def test_outside_of_any_flow_a_gate_refuses(at_home):
    with pytest.raises(GateMisplaced, match=r"flows\.flow"):
        await reviewed(LETTER, write.fn, "halden")

    assert at_home.requests() == []


async def test_a_flow_with_gates_called_past_prefect_refuses(at_home):
    with pytest.raises(GateMisplaced, match=r"not through \.fn"):
        await letters.one_letter.fn("halden")


def test_in_a_thread_without_our_context_a_gate_refuses_too(at_home):
    refused: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(reviewed(LETTER, write.fn, "halden"))
        except GateMisplaced as error:
            refused.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert len(refused) == 1


# -- before the first line ---------------------------------------------------------------------------------------


@flow(gates=[Gate("letter", Letter, policy="lettre")])
async def of_an_unknown_policy() -> None:
    letters.note("first line")


@flow(gates=[NOTE, Gate("alone", Letter, policy="lonely")])
async def of_a_lonely_policy() -> None:
    letters.note("first line")


@flow(gates=[NOTE])
async def undeclared() -> None:
    await reviewed(LETTER, write, "halden")


@flow(gates=[Gate("letter", Letter, policy="unasked")])
async def declared_otherwise() -> None:
    await reviewed(LETTER, write, "halden")


def test_an_unknown_policy_is_refused_before_the_first_line(house):
    state = house.call(of_an_unknown_policy)

    with pytest.raises(PolicyError, match="Did you mean 'letter'"):
        result_of(state)
    assert house.calls == []


def test_a_requester_who_is_the_only_reviewer_is_refused_before_the_first_line(house):
    run = house.start(of_a_lonely_policy, requester="solo@acme.example")

    state = house.execute(of_a_lonely_policy, run)

    assert state.type.value == "FAILED"
    assert "PolicyError" in state.message
    assert house.calls == []
    assert house.execute(of_a_lonely_policy, house.start(of_a_lonely_policy)).name == "Completed"


@pytest.mark.parametrize("careless", [undeclared, declared_otherwise], ids=["another", "other terms"])
def test_a_gate_that_the_flow_does_not_name_is_refused(house, careless):
    with pytest.raises(GateNotDeclared, match="letter"):
        result_of(house.call(careless))

    assert house.calls == []


def test_the_label_of_the_call_that_created_the_run_names_the_requester(house):
    labelled = house.begin(letters.by_hand, to="halden", requester="rita@acme.example")
    unlabelled = house.begin(letters.by_hand, to="halden", requester=None)

    assert house.the_request(labelled).requester == "rita@acme.example"
    assert house.the_request(unlabelled).requester == "unknown:prefect"


def test_a_run_that_its_schedule_created_is_asked_for_by_the_schedule(house):
    deployment = house.deploy(letters.one_letter)
    run = FlowRun(flow_id=uuid4(), auto_scheduled=True, deployment_id=deployment)
    nameless = FlowRun(flow_id=uuid4(), auto_scheduled=True)

    assert _requester(run, "one-letter") == f"schedule:{house.name}"
    assert _requester(nameless, "one-letter") == "schedule:one-letter"


# -- used wrongly ------------------------------------------------------------------------------------------------


@flow(gates=[UNASKED])
async def twice_with_one_key() -> None:
    await reviewed(UNASKED, write, "halden")
    await reviewed(UNASKED, write, "halden")


@flow(gates=[UNASKED])
async def twice_with_two_keys() -> list[str]:
    first = await reviewed(UNASKED, write, "halden")
    second = await reviewed(UNASKED, write, "halden", key="second")
    return [first.document.text, second.document.text]


@flow(gates=[UNASKED])
async def with_an_input_that_has_no_canonical_form() -> None:
    await reviewed(UNASKED, write, object())


@flow(gates=[NOTE])
async def a_decision_in_an_if() -> None:
    if await gate(A_LETTER, NOTE, key="k"):
        letters.note("as if approved")


@flow(gates=[UNASKED])
async def a_draft_that_does_not_fit() -> None:
    async def scribble(to: str) -> BaseModel:
        return letters.Posted(letters=(to,))

    await reviewed(UNASKED, scribble, "halden")


def test_the_same_gate_and_key_twice_in_one_execution_is_refused(house):
    with pytest.raises(GateReused, match="unasked"):
        result_of(house.call(twice_with_one_key))

    assert len(house.requests()) == 1


def test_two_keys_tell_two_uses_apart(house):
    assert result_of(house.call(twice_with_two_keys)) == ["Dear halden, draft 1", "Dear halden, draft 2"]


def test_inputs_that_make_no_key_ask_for_one(house):
    with pytest.raises(GateKeyMissing, match="key="):
        result_of(house.call(with_an_input_that_has_no_canonical_form))


def test_a_draft_of_another_class_never_reaches_a_reviewer(house):
    state = house.call(a_draft_that_does_not_fit)

    assert state.type.value == "FAILED"
    assert house.requests() == []


def test_a_decision_cannot_stand_in_an_if(house, meanwhile):
    meanwhile(lambda: house.reject(until(house.open_requests)[0]))

    state = house.call(a_decision_in_an_if)

    with pytest.raises(Undecidable, match="match decision"):
        result_of(state)
    assert house.calls == []


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Gate("a letter", Letter), "letters, digits and _"),
        (lambda: Gate("letter", Letter, action="letter.post"), "both or neither"),
        (lambda: Gate("letter", Letter, target="x://"), "both or neither"),
        (lambda: flow(gates=[LETTER, Gate("letter", Letter)]), "share a name"),
        (lambda: flow(gates=[LETTER], retries=2), "no retries"),
        (lambda: flow(gates=[LETTER])(lambda to: None), "not async"),
    ],
    ids=["its name", "action alone", "target alone", "two of a name", "retries", "sync"],
)
def test_a_gate_or_flow_that_contradicts_itself_is_refused_where_it_is_written(make, says):
    with pytest.raises(GateInvalid, match=says):
        make()


def test_a_document_that_nobody_can_import_is_refused_where_it_is_written():
    class Local(BaseModel):
        pass

    with pytest.raises(GateInvalid, match="top of its module"):
        Gate("letter", Local)


# -- without a deployment ----------------------------------------------------------------------------------------


def test_a_script_holds_says_so_once_keeps_its_lease_and_goes_on_when_answered(house, meanwhile, caplog):
    held: list[bool] = []

    def answer() -> None:
        first = until(lambda: [one for one in house.open_requests() if one.holder])[0]
        held.append(first.held_until > house.approvals.clock())
        house.approve(first)
        house.approve(until(lambda: [one for one in house.open_requests() if one.id != first.id])[0], by=BEN)

    meanwhile(answer)
    state = house.call(letters.two_letters, "halden")

    assert state.name == "Completed"
    assert held == [True]
    assert caplog.text.count("Waiting in this process") == 1
    assert "prefect.yaml" in caplog.text
    assert house.calls == ["write halden 1", "answer halden", "post halden"]
    assert [request.run.deployment for request in house.requests()] == [None, None]
    assert {request.run.gates for request in house.requests()} == {("note", "letter")}


@flow(gates=[Gate("letter", Letter, policy="hurried")])
async def hurried() -> None:
    await reviewed(Gate("letter", Letter, policy="hurried"), write, "halden")
    letters.note("as if approved")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("Rejected", "We do not know them."), ("Withdrawn", "the customer called"), ("Expired", "in time")],
)
def test_an_answer_that_is_no_approval_ends_the_run_under_its_name_and_not_as_a_failure(
    house, meanwhile, outcome, said
):
    def answer() -> None:
        request = until(house.open_requests)[0]
        if outcome == "Rejected":
            house.reject(request, reason=said)
        elif outcome == "Withdrawn":
            house.approvals.service.withdraw(request.id, said)
        else:
            until(house.approvals.deadlines.lapse_all)

    meanwhile(answer)
    state = house.call(hurried)

    assert (state.type.value, state.name) == ("COMPLETED", outcome)
    assert said in state.message
    assert house.calls == ["write halden 1"]


def test_a_killed_script_leaves_a_question_that_is_withdrawn(house):
    script = subprocess.Popen(
        [sys.executable, "-c", "import asyncio, letters; asyncio.run(letters.one_letter('halden'))"],
        cwd=Path(letters.__file__).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    request = until(lambda: [one for one in house.open_requests() if one.holder], 60)[0]
    script.kill()
    script.wait()
    later = Ledger(house.approvals.store, lambda: house.approvals.clock() + timedelta(seconds=40))

    at_once = Waker(house.approvals, PrefectRuns()).once()
    in_a_while = Waker(replace(house.approvals, ledger=later), PrefectRuns()).once()

    assert (at_once.withdrawn, in_a_while.withdrawn) == (0, 1)
    assert house.requests()[0].id == request.id
    assert house.requests()[0].ruling.reason == "the process that waited for it is gone"


def test_the_error_that_ends_a_run_carries_what_was_answered():
    decision = Rejected(reason="Too dear.", code="price", by=("anna@acme.example",), request_id="R1")

    end = Unapproved(decision, "letter", done="receipt")

    assert (end.decision, end.gate, end.done, end.outcome) == (decision, "letter", "receipt", "Rejected")
    assert str(end) == "letter: rejected by anna@acme.example: Too dear."
