"""Tryton's REST API as few verbs, and what it refuses as sentences that say what to do."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from agents.crm.changing import Taken
from agents.crm.http import Caller, Patience
from agents.errors import CrmError, CrmUnavailable

_PAGE = 500
_ADDRESS = re.compile(r"tryton://([^/?#]+)/([^/?#]+)")
_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
# Records that were put away are changed too: without this the API does not find them.
_ANY: Mapping[str, Any] = {"active_test": False}
Domain = Sequence[Any]


def place_of(address: str) -> str:
    """Where the REST API of the database at this address is: over HTTPS, except on this machine.

    Raises:
        CrmUnavailable: it is no address of Tryton's.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise CrmUnavailable(f"{address!r} is no Tryton database. Write tryton://host:port/database.")
    scheme = "http" if _LOCAL.fullmatch(match[1]) else "https"
    return f"{scheme}://{match[1]}/{match[2]}/rest/model"


class Database:
    """One database of a Tryton server, through the key of one user's application."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        patience: Patience | None = None,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.caller = Caller(
            vendor="Tryton",
            address=place_of(address),
            headers=lambda: {"Authorization": f"Bearer {key}"},
            patience=patience or Patience(),
            ticks=ticks,
            sleep=sleep,
        )

    def search(self, model: str, domain: Domain, fields: Sequence[str], *, order: Domain = ()) -> list[dict[str, Any]]:
        """Every record that fits, page by page, in the order of their numbers unless another is given."""
        found: list[dict[str, Any]] = []
        while True:
            params = {
                "d": _packed(list(domain)),
                "o": _packed([list(one) for one in order] or [["id", "ASC"]]),
                "s": _PAGE,
                "p": len(found),
                "f": list(fields),
            }
            page = self._ok(self._call("GET", f"/{model}", {}, params=params), f"to read {model}")
            found += page
            if len(page) < _PAGE:
                return found

    def create(self, model: str, values: Mapping[str, Any]) -> int:
        """Make a record; its number."""
        response = self._call("POST", f"/{model}", {}, params={"f": "id"}, json=dict(values))
        return int(self._ok(response, f"to make a record of {model}")["id"])

    def write(self, model: str, id_: int, values: Mapping[str, Any]) -> None:
        """Change a record."""
        response = self._call("PUT", f"/{model}/{id_}", _ANY, params={"f": "id"}, json=dict(values))
        self._ok(response, f"to change a record of {model}")

    def press(self, model: str, id_: int, button: str) -> None:
        """Press a button of a record, such as `cancel`."""
        self._ok(self._call("POST", f"/{model}/{id_}/{button}", {}, json={}), f"to press {button} on {model}")

    def delete(self, model: str, id_: int) -> None:
        """Delete a record; doing it twice does nothing more."""
        response = self._call("DELETE", f"/{model}/{id_}", _ANY, again=True)
        if response.status_code != httpx.codes.NOT_FOUND:
            self._ok(response, f"to delete a record of {model}")

    def _call(self, method: str, path: str, context: Mapping[str, Any], **content: Any) -> httpx.Response:
        return self.caller.call(method, path, headers={"X-Tryton-Context": _packed(context)}, **content)

    def _ok(self, response: httpx.Response, what: str) -> Any:
        if response.is_success:
            return response.json() if response.content else None
        said = _said(response)
        status = response.status_code
        if status == httpx.codes.UNAUTHORIZED:
            raise CrmUnavailable(
                "Tryton does not accept the key. Set AGENTS_TRYTON_KEY to the key of a user application for the REST "
                "API, and let its user validate it in Tryton's preferences."
            )
        if status == httpx.codes.FORBIDDEN:
            raise CrmUnavailable(f"Tryton's user may not do this ({what}): {said}. Give the user that right in Tryton.")
        if status == httpx.codes.NOT_FOUND:
            raise CrmUnavailable(
                f"Tryton has nothing where it was asked {what}. Check host and database of AGENTS_CRM, and that the "
                "modules sale_opportunity and party_relationship are activated."
            )
        if "unique" in said:
            raise Taken(f"Tryton refuses {what}: {said}.".replace("..", "."))
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise CrmUnavailable(f"Tryton failed when it was asked {what}. Look into its log, or try again in minutes.")
        raise CrmError(f"Tryton refuses {what}: {said}.".replace("..", "."))


def decimal(text: str) -> dict[str, str]:
    """An amount as Tryton's JSON has it."""
    return {"__class__": "Decimal", "decimal": text}


def plain(value: Any) -> str | None:
    """A value of Tryton's JSON as text; None where it is empty."""
    if isinstance(value, dict) and value.get("__class__") == "Decimal":
        return str(value["decimal"])
    return str(value) if value not in (None, "", False) else None


def _packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _said(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return f"status {response.status_code}"
    if isinstance(body, dict):
        words = [str(body[name]) for name in ("message", "description", "error") if body.get(name)]
        return ". ".join(words) or f"status {response.status_code}"
    return str(body)
