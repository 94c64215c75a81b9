"""What stands around the API."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from approvals import errors
from approvals.web import create_app
from approvals.web.app import HEADERS, check_host
from approvals.web.problems import KINDS, kind_of


def test_health_needs_no_token_and_says_nothing_else(client, open_request):
    open_request()

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/requests", "/nowhere", "/api/openapi.json"])
def test_every_answer_carries_the_protective_headers(client, path):
    response = client.get(path)

    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-Id"])


def test_what_is_not_there_and_what_does_not_go_are_problems_too(client):
    missing, wrong = client.get("/nowhere"), client.post("/healthz")

    assert (missing.status_code, wrong.status_code) == (404, 405)
    for response in (missing, wrong):
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["request_id"] == response.headers["X-Request-Id"]


class Broken:
    """Figures that cannot be had."""

    def __init__(self, error):
        self._error = error

    def figures(self):
        raise self._error

    waiting = figures


def test_a_failure_names_an_id_that_the_log_has_and_tells_nothing_of_itself(approvals, token, caplog, make_client):
    secret = "postgresql://queue:password@db.example"
    client = make_client(create_app(replace(approvals, metrics=Broken(RuntimeError(secret)))), raising=False)

    response = client.get("/api/v1/metrics", headers={"Authorization": f"Bearer {token('ben@acme.example')}"})

    assert response.status_code == 500
    assert secret not in response.text
    assert response.json()["request_id"] in caplog.text
    assert secret in caplog.text


def test_a_store_that_cannot_be_reached_is_told_as_that(approvals, make_client):
    error = errors.StoreUnavailable("The database does not answer.")
    client = make_client(create_app(replace(approvals, metrics=Broken(error))))

    response = client.get("/healthz")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["detail"] == "The database does not answer."


def _all_errors(root=errors.ApprovalError):
    return [root, *(error for child in root.__subclasses__() for error in _all_errors(child))]


@pytest.mark.parametrize("error", _all_errors())
def test_every_refusal_has_a_kind_of_its_own_or_of_its_parent(error):
    slug, kind = kind_of(error)

    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)
    assert 400 <= kind.status <= 503
    assert error is errors.ApprovalError or error in KINDS or issubclass(error, tuple(KINDS))


def test_the_kinds_have_the_statuses_that_are_promised():
    promised = {
        401: [errors.NotAuthenticated],
        403: [errors.NotPermitted, errors.CannotActOnOwnRequest, errors.NotAPerson, errors.OutOfScope],
        404: [errors.NotFound],
        409: [
            errors.AlreadyDecided,
            errors.StaleDecision,
            errors.ClaimedBySomeoneElse,
            errors.TooLateToRecall,
            errors.NotActionable,
            errors.Overtaken,
        ],
        422: [errors.DocumentInvalid, errors.UnsupportedClaims, errors.KeyReused],
        503: [errors.CannotExamine, errors.StoreUnavailable],
    }

    for status, listed in promised.items():
        assert {kind_of(error)[1].status for error in listed} == {status}


def test_every_operation_documents_its_problems_as_problems(client):
    schema = client.get("/api/openapi.json").json()

    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
    assert "HTTPValidationError" not in json.dumps(schema)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.5.5.5"])
def test_this_machine_alone_is_always_allowed(host):
    check_host(host, exposed=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "queue.example"])
def test_other_machines_reach_the_queue_only_where_somebody_said_so(host):
    with pytest.raises(errors.ApprovalError, match="APPROVALS_EXPOSED"):
        check_host(host, exposed=False)

    check_host(host, exposed=True)
