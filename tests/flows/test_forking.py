"""How a run's process ends that cannot say how its run did; the rest of the fork server is tried with children."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from prefect.exceptions import TerminationSignal

from flows.forking import _codes_of_the_lost
from flows.relief import ASKED_TO_END, SERVER_AWAY

QUERY = httpx.Request("POST", "http://127.0.0.1:4200/api/flow_runs/")


def refused(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("said no", request=QUERY, response=httpx.Response(status, request=QUERY))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), SERVER_AWAY),
        (httpx.ReadTimeout("silent"), SERVER_AWAY),
        (refused(503), SERVER_AWAY),
        (TerminationSignal(15), ASKED_TO_END),
        (KeyboardInterrupt(), ASKED_TO_END),
        (asyncio.CancelledError(), ASKED_TO_END),
    ],
)
def test_the_exit_code_tells_the_worker_that_the_run_may_begin_again(error, code):
    with pytest.raises(SystemExit) as end, _codes_of_the_lost() as noticed, noticed:
        raise error

    assert end.value.code == code


@pytest.mark.parametrize("error", [ValueError("no such flow"), refused(404), SystemExit(1)])
def test_what_went_wrong_in_the_run_itself_stays_what_it_is(error):
    with pytest.raises(type(error)) as end, _codes_of_the_lost() as noticed, noticed:
        raise error

    assert end.value is error


def test_who_ends_well_ends_well():
    with _codes_of_the_lost() as noticed, noticed:
        pass
