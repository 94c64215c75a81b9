"""What happens, told as it happens."""

from __future__ import annotations

import asyncio
import json

import pytest

from approvals.web import live
from approvals.web.live import Live


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Looks at the record often, so that nobody waits."""
    monkeypatch.setattr(live, "EVERY", 0.01)


def parsed(message):
    fields = dict(line.split(": ", 1) for line in message.strip().splitlines() if not line.startswith(":"))
    return fields.get("event"), json.loads(fields.get("data", "null")), int(fields.get("id", 0))


class Reader:
    """Somebody who listens."""

    def __init__(self, hub, by, after=None, still=lambda: True):
        self.stream = hub.stream(by, after, still)

    async def begin(self):
        assert await anext(self.stream) == "retry: 3000\n\n"
        return self

    async def next(self):
        while True:
            message = await asyncio.wait_for(anext(self.stream), 5)
            if not message.startswith(":"):
                return parsed(message)


async def test_an_arrival_and_a_decision_reach_who_may_see_them_with_their_counts(
    approvals, open_request, service, BEN, OMAR
):
    hub = Live(approvals)
    ben, omar = await Reader(hub, BEN).begin(), await Reader(hub, OMAR).begin()
    assert (await ben.next())[:2] == ("hello", {"counts": hub.counts(BEN)})
    await omar.next()

    request = await asyncio.to_thread(open_request)
    arrived = await ben.next()
    await asyncio.to_thread(lambda: service.reject(request.id, BEN, version=1, reason="no"))
    decided = await ben.next()

    assert (arrived[0], arrived[1]["id"], arrived[1]["counts"]["mine"]) == ("arrived", request.id, 1)
    assert (decided[0], decided[1]["by"], decided[1]["state"]) == ("decided", BEN.id, "rejected")
    assert decided[1]["counts"]["mine"] == 0
    assert decided[2] == arrived[2] + 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(omar.stream), 0.2)


async def test_who_comes_back_is_told_what_they_missed_and_nothing_twice(approvals, open_request, BEN):
    hub = Live(approvals)
    first, second = open_request(), open_request()

    reader = await Reader(hub, BEN, after=1).begin()
    missed = await reader.next()
    third = await asyncio.to_thread(open_request)

    assert missed[1]["id"] == second.id != first.id
    assert (await reader.next())[1]["id"] == third.id


async def test_who_missed_too_much_begins_anew(approvals, open_request, BEN, monkeypatch):
    monkeypatch.setattr(live, "CATCH_UP", 2)
    for _ in range(4):
        open_request()

    reader = await Reader(Live(approvals), BEN, after=1).begin()

    kind, facts, number = await reader.next()
    assert (kind, number, facts["counts"]["mine"]) == ("resync", 4, 4)


async def test_who_may_not_read_any_more_is_told_nothing(approvals, open_request, BEN):
    may = [True]
    reader = await Reader(Live(approvals), BEN, still=lambda: may[0]).begin()
    await reader.next()

    may[0] = False
    await asyncio.to_thread(open_request)

    with pytest.raises(StopAsyncIteration):
        await reader.next()


async def test_a_silent_connection_asks_whether_its_reader_may_still_read(approvals, BEN, monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT", 0.01)
    may = [True]
    reader = await Reader(Live(approvals), BEN, still=lambda: may[0]).begin()
    await reader.next()

    assert (await anext(reader.stream)).startswith(":")
    may[0] = False
    with pytest.raises(StopAsyncIteration):
        await reader.next()


async def test_nobody_listens_and_nothing_looks(approvals, open_request, BEN):
    hub = Live(approvals)
    reader = await Reader(hub, BEN).begin()
    await reader.next()

    await reader.stream.aclose()
    await asyncio.wait_for(hub._loop, 5)

    assert hub._loop.done()


async def test_a_look_that_fails_is_followed_by_the_next(approvals, open_request, BEN, monkeypatch):
    hub = Live(approvals)
    reader = await Reader(hub, BEN).begin()
    await reader.next()
    heads = iter([ZeroDivisionError("torn")])
    real = hub._watch.head

    def head():
        for error in heads:
            raise error
        return real()

    monkeypatch.setattr(hub._watch, "head", head)
    monkeypatch.setattr(live, "AFTER_FAILURE", 0.01)
    request = await asyncio.to_thread(open_request)

    assert (await reader.next())[1]["id"] == request.id
