"""Salesforce's REST API as few verbs: a token of the client's credentials, records by external id, queries by page."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from agents.crm.http import Caller, Patience
from agents.crm.salesforce_answers import first_error, held_back, refused
from agents.errors import CrmUnavailable

_ADDRESS = re.compile(r"salesforce://([A-Za-z0-9-]+(?:--[A-Za-z0-9-]+\.sandbox)?)")


def url_of(address: str) -> str:
    """Where the organisation at this address is.

    Raises:
        CrmUnavailable: it is no address of Salesforce's.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise CrmUnavailable(
            f"{address!r} is no Salesforce organisation. Write salesforce:// and the name of its My Domain, such as "
            "salesforce://acme or salesforce://acme--test.sandbox."
        )
    return f"https://{match[1]}.my.salesforce.com"


class Org:
    """One organisation, as the user that a client app runs as."""

    def __init__(
        self,
        url: str,
        client: str,
        secret: Callable[[], str | None],
        *,
        version: str,
        patience: Patience | None = None,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._secret = secret
        self._data = f"/services/data/{version}"
        self._token = ""
        self._turn = threading.Lock()
        self.used = ""
        """What the last answer said of the requests used, such as `api-usage=18/5000`."""
        self.caller = Caller(
            vendor="Salesforce",
            address=url.rstrip("/"),
            headers=lambda: {"Authorization": f"Bearer {self._token}"} if self._token else {},
            patience=patience or Patience(),
            ticks=ticks,
            sleep=sleep,
            limited=held_back,
        )

    # -- records -------------------------------------------------------------------------------------------------

    def get(self, kind: str, by: str, value: str, fields: Iterable[str]) -> dict[str, Any] | None:
        """The record whose external id has this value, or None."""
        path = f"{self._data}/sobjects/{kind}/{by}/{quote(value, safe='')}"
        response = self._call("GET", path, params={"fields": ",".join(fields)})
        if response.status_code == httpx.codes.NOT_FOUND and first_error(response).get("errorCode") == "NOT_FOUND":
            return None
        return dict(self._ok(response, f"to read {kind} by {by}"))

    def upsert(self, kind: str, by: str, value: str, fields: Mapping[str, Any]) -> str:
        """Make or change the record under this external id; Salesforce's own id of it."""
        path = f"{self._data}/sobjects/{kind}/{by}/{quote(value, safe='')}"
        response = self._call("PATCH", path, json=dict(fields))
        made = self._ok(response, f"to write {kind}")
        return str(made.get("id", ""))

    def update(self, kind: str, id_: str, fields: Mapping[str, Any]) -> None:
        """Let these fields of a record hold these values; None empties one."""
        self._ok(self._call("PATCH", f"{self._data}/sobjects/{kind}/{id_}", json=dict(fields)), f"to change {kind}")

    def delete(self, kind: str, id_: str) -> None:
        """Put a record into the recycle bin; doing it twice does nothing more."""
        response = self._call("DELETE", f"{self._data}/sobjects/{kind}/{id_}", again=True)
        if response.status_code != httpx.codes.NOT_FOUND:
            self._ok(response, f"to delete {kind}")

    def select(self, kind: str, fields: Iterable[str], where: str, *, order: str = "Id") -> list[dict[str, Any]]:
        """Every record that fits, page by page; `where` is made by `equals` and `within`."""
        # Names are ours or the field map's, and values are quoted.
        soql = f"SELECT {', '.join(fields)} FROM {kind} WHERE {where} ORDER BY {order}"  # noqa: S608
        page = self._ok(self._call("GET", f"{self._data}/query", params={"q": soql}), "to answer a query")
        rows = list(page["records"])
        while not page.get("done", True):
            page = self._ok(self._call("GET", page["nextRecordsUrl"]), "to go on with a query")
            rows += page["records"]
        return rows

    def fields(self, kind: str) -> dict[str, dict[str, Any]]:
        """The fields that a kind of record has, by name; none where there is no such kind."""
        response = self._call("GET", f"{self._data}/sobjects/{kind}/describe")
        if response.status_code == httpx.codes.NOT_FOUND:
            return {}
        return {one["name"]: one for one in self._ok(response, f"to describe {kind}").get("fields", ())}

    # -- the token -----------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, **content: Any) -> httpx.Response:
        with self._turn:
            self._token = self._token or self._new_token()
        used = self._token
        response = self.caller.call(method, path, **content)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # A token ends when the session of its user does. Nothing was done, so the same may be asked again.
            with self._turn:
                if self._token == used:
                    self._token = ""
                    self._token = self._new_token()
            response = self.caller.call(method, path, **content)
        self.used = response.headers.get("Sforce-Limit-Info", self.used)
        return response

    def _new_token(self) -> str:
        form = {"grant_type": "client_credentials", "client_id": self._client, "client_secret": self._secret() or ""}
        response = self.caller.call("POST", "/services/oauth2/token", data=form, again=True)
        if not response.is_success:
            error = first_error(response)
            raise CrmUnavailable(
                "Salesforce gives no token for AGENTS_SALESFORCE_CLIENT_ID and AGENTS_SALESFORCE_CLIENT_SECRET: "
                f"{error.get('error_description') or error.get('error') or f'status {response.status_code}'}. Its "
                "external client app needs the client credentials flow, and a user to run as."
            )
        return str(response.json()["access_token"])

    @staticmethod
    def _ok(response: httpx.Response, what: str) -> Any:
        if not response.is_success:
            raise refused(response, what)
        return response.json() if response.content else {}


def equals(field: str, value: str | None) -> str:
    """A condition of a query: the field holds this value; with None, it holds any."""
    return f"{field} != null" if value is None else f"{field} = {_quoted(value)}"


def within(field: str, values: Iterable[str]) -> str:
    """A condition of a query: the field holds one of these values."""
    return f"{field} IN ({', '.join(map(_quoted, values))})"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"
