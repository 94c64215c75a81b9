"""What the OpenAPI description promises is what is answered, whatever is sent."""

from __future__ import annotations

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

AS_DESCRIBED = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def sent(client, case, caller):
    """Send what was generated, as this caller."""
    terms = case.as_transport_kwargs(base_url="http://queue.test", headers=caller.headers)
    prepared = requests.Request(**terms).prepare()
    return client.request(prepared.method, prepared.url, content=prepared.body, headers=dict(prepared.headers))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
def test_no_call_is_answered_otherwise_than_described(client, ada, ben, call, open_request, mode):
    waiting, decided = open_request(), open_request()
    ben.decide(decided, {"kind": "approve"}, recall=60)
    schema = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]
    worker = call("letters", "gate", kind="worker")
    statuses = set()
    people, gates = ((ben, waiting), (ada, decided), (ben, None)), ((ben, waiting), (worker, waiting), (worker, None))

    for operation in operations:

        @settings(
            max_examples=8,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            for caller, request in gates if "/gate/" in case.path else people:
                # Ids that exist, so that the handlers are reached.
                if request is not None and "request_id" in (case.path_parameters or {}):
                    case.path_parameters["request_id"] = request.id
                if caller is worker and request is not None and "run_id" in (case.path_parameters or {}):
                    case.path_parameters["run_id"] = "run-1"
                response = sent(client, case, caller)
                statuses.add(response.status_code)
                case.validate_response(response, checks=AS_DESCRIBED)

        try:
            check()
        except Exception as error:
            if type(error).__name__ != "Unsatisfiable":  # nothing unfitting can be sent to an operation without terms
                raise

    assert len(operations) == 49
    assert {404, 422, 403} <= statuses
    assert (200 in statuses) or mode is GenerationMode.NEGATIVE
