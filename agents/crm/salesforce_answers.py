"""What Salesforce refuses, as sentences that say what to do, each with Salesforce's own error code."""

from __future__ import annotations

from typing import Any

import httpx

from agents.crm.changing import Taken
from agents.errors import CrmError, CrmUnavailable

LOCKED, TOO_MANY = "UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED"
_RIGHTS = frozenset({"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "API_DISABLED_FOR_ORG", "FORBIDDEN"})
_UNKNOWN_FIELDS = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "NOT_FOUND", "INVALID_TYPE"})


def first_error(response: httpx.Response) -> dict[str, Any]:
    """The first of the errors that an answer lists; empty where it lists none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    found = body[0] if isinstance(body, list) and body else body
    return found if isinstance(found, dict) else {}


def held_back(response: httpx.Response) -> str | None:
    """Why nothing was done that may be tried again at once; None where that is not so."""
    if response.is_success:
        return None
    code = first_error(response).get("errorCode")
    if code == LOCKED:
        return "Salesforce could not lock the record, since somebody else is writing it. Try again in a minute."
    if code == TOO_MANY:
        used = response.headers.get("Sforce-Limit-Info", "")
        return (
            f"Salesforce's limit of API requests is reached{f' ({used})' if used else ''}. Wait until it counts anew, "
            "or ask for a higher one."
        )
    return None


def refused(response: httpx.Response, what: str) -> CrmError | Taken:
    """The error behind an answer of 3xx to 5xx."""
    error = first_error(response)
    code, said = str(error.get("errorCode") or response.status_code), str(error.get("message") or "no reason given")
    told = f"{said.rstrip('.')} ({code})"
    if response.status_code == httpx.codes.MULTIPLE_CHOICES:
        return CrmUnavailable(
            f"Salesforce has several records under one key and wrote none of them ({what}). Mark the field of the key "
            "as unique, and leave one record."
        )
    if code == "INVALID_SESSION_ID":
        return CrmUnavailable(
            "Salesforce does not accept its own token any more. Check that the external client app is still active."
        )
    if code in ("DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"):
        return Taken(f"Salesforce refuses {what}: {told}.")
    if code == "DUPLICATES_DETECTED":
        ids = ", ".join(_matches(error)) or "another record"
        return Taken(f"Salesforce takes this for a duplicate of {ids} ({what}).")
    if code in _RIGHTS:
        return CrmUnavailable(
            f"The user that Salesforce's client app runs as may not do this ({what}): {told}. Give that user the right."
        )
    if code in _UNKNOWN_FIELDS:
        return CrmUnavailable(
            f"Salesforce lacks something that it takes {what}: {told}. `countersign crm setup` says what to make."
        )
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return CrmUnavailable(f"Salesforce failed when it was asked {what}: {told}. Try again in a few minutes.")
    return CrmError(f"Salesforce refuses {what}: {told}.")


def _matches(error: dict[str, Any]) -> list[str]:
    """Ids of the records that a duplicate rule found."""
    # The name of the first key is misspelt in some versions.
    result = error.get("duplicateResult") or error.get("duplicateResut") or {}
    return [
        str(match["record"]["Id"])
        for results in result.get("matchResults", ())
        for match in results.get("matchRecords", ())
        if match.get("record", {}).get("Id")
    ]
