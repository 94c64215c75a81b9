"""Guarded effects: only with a permit for exactly this document, and once, whoever dies in between."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import UUID

import letters
import prefect
import pytest
from houses import result_of, until
from letters import POST, UNASKED, Letter, Posted, post, write
from prefect.states import Scheduled

from approvals.canonical import canonical, digest
from approvals.decisions import Actor
from approvals.errors import NoPermit, StoreUnavailable
from approvals.permits import Grant, PermitState
from flows import composition, guards
from flows.errors import GateInvalid
from flows.gates import effected, flow, reviewed
from flows.guards import guarded

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prefect")]

OTHER = Actor(kind="worker", id="post", via="flow", scopes=frozenset({"gate"}))


@guarded(action="letter.burn", target=POST)
async def burn(letter: Letter) -> Posted:
    """Another action at the same place."""
    letters.note("burn")
    return Posted(letters=())


@guarded(action="letter.post", target="letterbox://low-street")
async def post_elsewhere(letter: Letter) -> Posted:
    """The same action at another place."""
    letters.note("post elsewhere")
    return Posted(letters=())


# -- refusals ----------------------------------------------------------------------------------------------------


@prefect.flow
async def without_a_gate() -> None:
    await post(Letter(to="halden", text="Dear reader"))


@flow(gates=[UNASKED])
async def with_one_byte_changed() -> None:
    letter = await reviewed(UNASKED, write, "halden")
    await post(letter.document.model_copy(update={"text": f"{letter.document.text}."}), permit=letter.permit)


@flow(gates=[UNASKED])
async def for_another_action() -> None:
    letter = await reviewed(UNASKED, write, "halden")
    await burn(letter.document, permit=letter.permit)


@flow(gates=[UNASKED])
async def for_another_target() -> None:
    letter = await reviewed(UNASKED, write, "halden")
    await post_elsewhere(letter.document, permit=letter.permit)


@flow(gates=[UNASKED])
async def with_a_slip_made_up_to_fit() -> None:
    letter = await reviewed(UNASKED, write, "halden")
    changed = letter.document.model_copy(update={"text": "Dear reader, pay at once"})
    slip = replace(letter.permit, sha256=digest(canonical(changed)))
    await post(changed, permit=slip)


@flow(gates=[UNASKED])
async def with_a_slip_of_nobody() -> None:
    letter = await reviewed(UNASKED, write, "halden")
    await post(letter.document, permit=replace(letter.permit, id="MADEUP"))


@prefect.flow
async def in_another_run() -> None:
    (permit, document) = BORROWED
    await post(document, permit=permit)


@flow(gates=[UNASKED])
async def lends_its_permit() -> None:
    letter = await reviewed(UNASKED, write, "halden")
    BORROWED[:] = [letter.permit, letter.document]
    await in_another_run()


BORROWED: list[object] = []


@pytest.mark.parametrize(
    ("careless", "says"),
    [
        (without_a_gate, "without a permit"),
        (with_one_byte_changed, "not the one that was signed"),
        (for_another_action, "allows 'letter.post', not 'letter.burn'"),
        (for_another_target, "not for 'letterbox://low-street'"),
        (with_a_slip_made_up_to_fit, "not the one that was signed"),
        (with_a_slip_of_nobody, "without a permit"),
        (lends_its_permit, "another run"),
    ],
    ids=lambda value: value.fn.__name__ if isinstance(value, prefect.Flow) else "",
)
def test_without_a_permit_for_exactly_this_nothing_is_done_and_the_refusal_stands_in_the_record(house, careless, says):
    state = house.call(careless)

    with pytest.raises(NoPermit, match=says):
        result_of(state)
    assert [call for call in house.calls if not call.startswith("write")] == []
    assert house.box("halden") == []
    assert house.events()[-1] == "effect.refused"
    assert "permit.taken" not in house.events()


async def test_outside_of_a_run_an_effect_refuses(at_home):
    with pytest.raises(NoPermit, match="after its gate"):
        await post.fn(Letter(to="halden", text="Dear reader"))

    assert at_home.calls == []


def test_an_effect_that_is_not_async_is_refused_where_it_is_written():
    with pytest.raises(GateInvalid, match="async def"):
        guarded(action="letter.post", target=POST)(lambda letter: None)


# -- once --------------------------------------------------------------------------------------------------------


@flow(gates=[UNASKED])
async def posts_twice() -> list[Posted]:
    letter = await reviewed(UNASKED, write, "halden")
    return [await effected(UNASKED, post, letter), await post(letter.document, permit=letter.permit)]


def test_called_again_it_returns_the_stored_receipt_and_does_nothing(house):
    first, second = result_of(house.call(posts_twice))

    assert first == second == Posted(letters=("Dear halden, draft 1",))
    assert house.calls.count("post halden") == 1
    assert house.box("halden") == ["Dear halden, draft 1"]
    assert house.events().count("permit.used") == 1


@guarded(action="letter.post", target=POST)
async def stumbles_once(letter: Letter) -> Posted:
    """Fails before it writes, the first time."""
    letters.note("stumble")
    if len((letters.desk() / "calls.txt").read_text(encoding="utf-8").split("stumble")) == 2:
        raise ConnectionError("the box is out of order")
    return Posted(letters=(letter.text,))


@flow(gates=[UNASKED])
async def tries_twice() -> Posted:
    letter = await reviewed(UNASKED, write, "halden")
    task = prefect.task(retries=1, persist_result=False)(stumbles_once)
    done: Posted = await effected(UNASKED, task, letter)
    return done


def test_an_effect_that_fails_lets_go_so_that_a_retry_need_not_wait(house):
    done = result_of(house.call(tries_twice))

    assert done.letters == ("Dear halden, draft 1",)
    assert house.events().count("permit.taken") == 2
    assert house.events().count("permit.used") == 1


@flow(gates=[UNASKED])
async def finds_its_permit_taken() -> Posted:
    letter = await reviewed(UNASKED, write, "halden")
    keeper = composition.approvals().gatekeeper
    grant = keeper.effects.redeem(
        letter.permit,
        OTHER,
        action="letter.post",
        target=POST,
        sha256=letter.permit.sha256,
        run=letter.permit.run_id,
        holder="elsewhere:1:x",
        lease=20,
    )
    assert isinstance(grant, Grant)
    TAKEN[:] = [grant]
    return await effected(UNASKED, post, letter)


TAKEN: list[Grant] = []


def test_while_another_process_is_at_it_an_effect_waits_and_takes_its_receipt(house, meanwhile):
    TAKEN.clear()

    def finish_elsewhere() -> None:
        grant = until(lambda: TAKEN)[0]
        house.approvals.gatekeeper.effects.settle(
            grant.permit_id, grant.fence, {"letters": ["posted elsewhere"]}, OTHER
        )

    meanwhile(finish_elsewhere)
    done = result_of(house.call(finds_its_permit_taken))

    assert done.letters == ("posted elsewhere",)
    assert "post halden" not in house.calls
    assert house.box("halden") == []


def test_when_the_other_process_is_silent_its_lease_lapses_and_the_effect_is_entered_again(house, meanwhile):
    TAKEN.clear()

    def die_elsewhere() -> None:
        grant = until(lambda: TAKEN)[0]
        house.approvals.gatekeeper.effects.keep(grant.permit_id, grant.fence, 0.7)

    meanwhile(die_elsewhere)
    done = result_of(house.call(finds_its_permit_taken))

    taken = [entry.event.details for entry in house.approvals.store.entries() if entry.event.name == "permit.taken"]
    assert done.letters == ("Dear halden, draft 1",)
    assert [details["repeated"] for details in taken] == [False, True]
    assert house.calls.count("post halden") == 1


def test_killed_between_the_write_and_the_receipt_the_run_writes_once(house):
    run = house.begin(letters.one_letter, to="halden")
    house.approve(house.the_request(run))
    house.resume(run)
    (house.desk / "kill-after-write").touch()
    process = house.subprocess(run)
    assert process.wait(60) == -9
    assert house.box("halden") == ["Dear halden, draft 2"]
    with house.approvals.store.read() as transaction:
        permit = transaction.permit_of(house.requests(run)[0].id)
    assert permit.state is PermitState.IN_USE

    house.client.set_flow_run_state(UUID(run), Scheduled(), force=True)
    state = house.execute(letters.one_letter, run)

    assert state.name == "Completed"
    assert house.calls.count("post halden") == 2
    assert house.box("halden") == ["Dear halden, draft 2"]
    assert house.result(run) == {"letters": ["Dear halden, draft 2"]}
    assert house.events().count("permit.used") == 1


def test_two_executions_of_one_run_at_the_same_time_post_once(house):
    run = house.begin(letters.one_letter, to="halden")
    house.approve(house.the_request(run))
    house.resume(run)
    processes = [house.subprocess(run), house.subprocess(run)]

    for process in processes:
        process.wait(60)

    assert house.calls.count("write halden 1") == 1
    assert house.box("halden") == ["Dear halden, draft 2"]
    assert house.events().count("request.taken_up") == 1
    assert house.events().count("permit.used") == 1
    assert house.state(run).name == "Completed"


def test_a_lease_that_could_not_be_renewed_once_is_renewed_the_next_time(monkeypatch, caplog):
    renewed = threading.Event()

    class Keeper:
        asked = 0

        def keep(self, permit_id: str, fence: int, lease: float) -> bool:
            self.asked += 1
            if self.asked == 1:
                raise StoreUnavailable("locked")
            renewed.set()
            return True

    monkeypatch.setattr(guards, "LEASE", 0.03)

    with guards._kept(Keeper(), "P1", 1):
        assert renewed.wait(10)

    assert "The lease of permit P1 was not renewed: locked" in caplog.text
