"""What is worth another try in minutes, and what is not."""

from __future__ import annotations

import pytest
from prefect.states import Failed

from agents.errors import CrmError, CrmUnavailable, Suppressed, UnknownObject
from approvals.errors import NoPermit, StoreUnavailable
from flows.errors import Ended
from flows.steps import worth_another_try


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (CrmUnavailable("It does not answer."), True),
        (StoreUnavailable("It does not answer."), True),
        (OSError("No route to host."), True),
        (CrmError("Signed for another CRM."), False),
        (UnknownObject("There is no such field."), False),
        (Suppressed(), False),
        (Ended("Suppressed", "On the list."), False),
        (NoPermit("Nobody signed."), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_outage_is_waited_for_and_a_refusal_is_not(error: Exception, worth: bool) -> None:
    assert worth_another_try(None, None, Failed(data=error)) is worth
