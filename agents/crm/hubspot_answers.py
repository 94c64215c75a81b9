"""What HubSpot refuses, as sentences that say what to do, each with the id that HubSpot's support asks for."""

from __future__ import annotations

from typing import Any

import httpx

from agents.crm.changing import Taken
from agents.errors import CrmError, CrmUnavailable

_SETUP = "Run `countersign crm setup`, which makes the properties that are missing."


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; empty where it is none, as behind a proxy's error page."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def trace_of(response: httpx.Response) -> str:
    """The id under which HubSpot's support finds an answer, as a sentence; empty where there is none."""
    found = str(body_of(response).get("correlationId", ""))
    return f" HubSpot's correlationId: {found}." if found else ""


def refused(response: httpx.Response, what: str) -> CrmError | Taken:
    """The error behind an answer of 4xx or 5xx."""
    body = body_of(response)
    return error_of(body, response.status_code, what)


def error_of(body: dict[str, Any], status: int, what: str) -> CrmError | Taken:
    """The error behind one of HubSpot's error bodies; those inside a 207 look the same."""
    said = str(body.get("message", "")).strip() or f"status {status}"
    known = {"correlation_id": str(body.get("correlationId", "")), "status": status}
    trace = f" HubSpot's correlationId: {known['correlation_id']}." if known["correlation_id"] else ""
    category = str(body.get("category", ""))
    if status == 401:
        return CrmUnavailable(
            "HubSpot does not accept the token. Set AGENTS_HUBSPOT_TOKEN to the access token of your private app, and "
            f"look there whether it was rotated.{trace}",
            **known,
        )
    if status == 403 or category == "MISSING_SCOPES":
        scopes = ", ".join(_scopes(body)) or "the one for this object"
        return CrmUnavailable(
            f"HubSpot's token may not do this ({what}): the scope is missing. Give the private app {scopes}, "
            f"under its scopes in HubSpot.{trace}",
            **known,
        )
    if status == 409 or category in ("CONFLICT", "OBJECT_ALREADY_EXISTS"):
        return Taken(f"HubSpot refuses {what}: {said}.{trace}".replace("..", "."))
    if _names_a_missing_property(body, said):
        return CrmUnavailable(f"HubSpot lacks a property that it takes {what}: {said}. {_SETUP}{trace}", **known)
    if status == 404 and not category:
        return CrmUnavailable(
            f"There is no HubSpot API where {what} was asked for ({said}). Check AGENTS_HUBSPOT_URL and "
            f"AGENTS_HUBSPOT_VERSION.{trace}",
            **known,
        )
    if status >= 500:
        return CrmUnavailable(f"HubSpot failed when it was asked {what}: {said}. Try again in minutes.{trace}", **known)
    return CrmError(f"HubSpot refuses {what}: {said}.{trace}", **known)


def _scopes(body: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for detail in (body, *_dicts(body.get("errors"))):
        context = detail.get("context")
        if isinstance(context, dict):
            for name in ("requiredGranularScopes", "requiredScopes"):
                values = context.get(name)
                found += [str(value) for value in values] if isinstance(values, list) else []
    return list(dict.fromkeys(found))


def _names_a_missing_property(body: dict[str, Any], said: str) -> bool:
    codes = {str(detail.get("code", "")) for detail in _dicts(body.get("errors"))}
    told = f"{said} {' '.join(codes)} {body.get('subCategory', '')}"
    return "PROPERTY_DOESNT_EXIST" in told or "does not exist" in told or "non-unique" in told


def _dicts(values: object) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
