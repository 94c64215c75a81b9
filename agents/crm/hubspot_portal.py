"""HubSpot's API as few verbs: where each thing stands in a version, how it is asked for, and what a refusal means."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from agents.crm.changing import Taken
from agents.crm.http import Caller, Pace, Patience
from agents.crm.hubspot_answers import body_of, error_of, refused, trace_of
from agents.errors import CrmError, CrmUnavailable

V3 = "v3"
_DATED = re.compile(r"\d{4}-\d{2}(-beta)?")
_MULTI_STATUS, _NOT_FOUND = 207, 404
BATCH = 100
"""Inputs that one batch takes."""


class Portal:
    """One HubSpot account, through one token."""

    def __init__(
        self,
        token: str,
        *,
        url: str,
        version: str,
        patience: Patience | None = None,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if version != V3 and not _DATED.fullmatch(version):
            raise CrmError(
                f"{version!r} is no version of HubSpot's API. Set AGENTS_HUBSPOT_VERSION to 2026-03, or to v3."
            )
        self._objects = "/crm/v3/objects" if version == V3 else f"/crm/objects/{version}"
        self._links = "/crm/v4/objects" if version == V3 else f"/crm/objects/{version}"
        self._properties = "/crm/v3/properties" if version == V3 else f"/crm/properties/{version}"
        self.caller = Caller(
            vendor="HubSpot",
            address=url.rstrip("/"),
            headers=lambda: {"Authorization": f"Bearer {token}"},
            patience=patience or Patience(),
            ticks=ticks,
            sleep=sleep,
            trace=trace_of,
            pace=Pace(
                limit="X-HubSpot-RateLimit-Max",
                remaining="X-HubSpot-RateLimit-Remaining",
                interval="X-HubSpot-RateLimit-Interval-Milliseconds",
            ),
        )

    # -- records and notes ---------------------------------------------------------------------------------------

    def get(
        self, kind: str, value: str, *, by: str, properties: Iterable[str], history: Iterable[str] = ()
    ) -> dict[str, Any] | None:
        """The object whose unique property holds this value, or None; archived ones are none."""
        params = {"idProperty": by, "properties": ",".join(properties)}
        if with_history := ",".join(history):
            params["propertiesWithHistory"] = with_history
        what = f"to read {kind} by {by}"
        response = self.caller.call("GET", f"{self._objects}/{kind}/{quote(value, safe='')}", params=params)
        if response.status_code == _NOT_FOUND and "correlationId" in body_of(response):
            return None  # HubSpot itself says so, and no proxy or wrong address
        return self._ok(response, what)

    def each(self, kind: str, properties: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Every object of a kind, page by page. Not by search, whose index lags behind what was written."""
        params: dict[str, Any] = {"limit": 100, "properties": ",".join(properties)}
        while True:
            page = self._ok(self.caller.call("GET", f"{self._objects}/{kind}", params=params), f"to list {kind}")
            yield from page.get("results", ())
            after = page.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return
            params["after"] = after

    def read(self, kind: str, ids: Iterable[str], properties: Iterable[str]) -> list[dict[str, Any]]:
        """The objects with these ids, those that are there."""
        found: list[dict[str, Any]] = []
        wanted, names = list(dict.fromkeys(ids)), list(properties)
        for start in range(0, len(wanted), BATCH):
            inputs = [{"id": one} for one in wanted[start : start + BATCH]]
            body = {"inputs": inputs, "properties": names, "propertiesWithHistory": []}
            response = self.caller.call("POST", f"{self._objects}/{kind}/batch/read", json=body, again=True)
            found += self._ok(response, f"to read {kind}").get("results", [])
        return found

    def upsert(
        self, kind: str, inputs: Mapping[str, Mapping[str, str]], *, by: str
    ) -> dict[str, dict[str, Any] | CrmError | Taken]:
        """Make or change objects by their unique property: its value -> what came of it.

        An answer of 207 tells the good from the bad one by one. Two inputs for one object would have the whole batch
        refused; a mapping cannot hold them.

        Raises:
            CrmError: the whole batch was refused.
            CrmUnavailable: no answer; nothing is known of any of them.
        """
        outcomes: dict[str, dict[str, Any] | CrmError | Taken] = {}
        entries = list(inputs.items())
        for start in range(0, len(entries), BATCH):
            part = dict(entries[start : start + BATCH])
            body = {"inputs": [_input(value, by, properties) for value, properties in part.items()]}
            what = f"to write {kind}"
            answer = self._ok(self.caller.call("POST", f"{self._objects}/{kind}/batch/upsert", json=body), what)
            for result in answer.get("results", ()):
                value = result.get("objectWriteTraceId") or result.get("properties", {}).get(by)
                if value in part:
                    outcomes[value] = result
            for error in answer.get("errors", ()):
                refusal = error_of(error, _status(error), what)
                named = _traced(error, part)
                outcomes.update(dict.fromkeys(named, refusal))
                for value in () if named else part:
                    outcomes.setdefault(value, refusal)
            for value in part:
                outcomes.setdefault(value, CrmUnavailable(f"HubSpot said nothing of {value!r} in its answer {what}."))
        return outcomes

    def update(self, kind: str, id_: str, properties: Mapping[str, str]) -> None:
        """Let these properties hold these values; an empty one is cleared."""
        response = self.caller.call("PATCH", f"{self._objects}/{kind}/{id_}", json={"properties": dict(properties)})
        self._ok(response, f"to change {kind}")

    def archive(self, kind: str, id_: str) -> None:
        """Take an object out of sight; doing it twice does nothing more."""
        response = self.caller.call("DELETE", f"{self._objects}/{kind}/{id_}", again=True)
        if response.status_code != _NOT_FOUND:
            self._ok(response, f"to archive {kind}")

    # -- associations --------------------------------------------------------------------------------------------

    def linked(self, kind: str, id_: str, other: str) -> list[str]:
        """Ids of the objects of another kind that an object is linked with."""
        found: list[str] = []
        params: dict[str, Any] = {"limit": 500}
        while True:
            path = f"{self._links}/{kind}/{id_}/associations/{other}"
            page = self._ok(self.caller.call("GET", path, params=params), f"to read what {kind} are linked with")
            found += [str(result["toObjectId"]) for result in page.get("results", ())]
            after = page.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return found
            params["after"] = after

    def link(self, kind: str, id_: str, other: str, other_id: str) -> None:
        """Link two objects by the default association; doing it twice links once."""
        path = f"{self._links}/{kind}/{id_}/associations/default/{other}/{other_id}"
        self._ok(self.caller.call("PUT", path, again=True), f"to link {kind} with {other}")

    def unlink(self, kind: str, id_: str, other: str, other_id: str) -> None:
        """Take every association between two objects away; doing it twice does nothing more."""
        path = f"{self._links}/{kind}/{id_}/associations/{other}/{other_id}"
        response = self.caller.call("DELETE", path, again=True)
        if response.status_code != _NOT_FOUND:
            self._ok(response, f"to unlink {kind} from {other}")

    # -- properties ----------------------------------------------------------------------------------------------

    def properties(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties that a kind of object has, by name."""
        response = self.caller.call("GET", f"{self._properties}/{kind}")
        return {one["name"]: one for one in self._ok(response, f"to read the properties of {kind}").get("results", ())}

    def groups(self, kind: str) -> set[str]:
        """Names of a kind's groups of properties."""
        response = self.caller.call("GET", f"{self._properties}/{kind}/groups")
        return {one["name"] for one in self._ok(response, f"to read the property groups of {kind}").get("results", ())}

    def make_group(self, kind: str, name: str, label: str) -> None:
        """A new group of properties."""
        body = {"name": name, "label": label}
        self._ok(self.caller.call("POST", f"{self._properties}/{kind}/groups", json=body), f"to make a group on {kind}")

    def make_property(self, kind: str, definition: Mapping[str, Any]) -> None:
        """A new property."""
        response = self.caller.call("POST", f"{self._properties}/{kind}", json=dict(definition))
        self._ok(response, f"to make the property {definition['name']} on {kind}")

    # -- the account ---------------------------------------------------------------------------------------------

    def number(self) -> str | None:
        """The account's number; None where the token may not ask."""
        response = self.caller.call("GET", "/account-info/v3/details")
        if response.status_code == 401:
            raise refused(response, "to say which account this is")
        number = body_of(response).get("portalId") if response.is_success else None
        return str(number) if number is not None else None

    @staticmethod
    def _ok(response: httpx.Response, what: str) -> dict[str, Any]:
        if not response.is_success:
            raise refused(response, what)
        return body_of(response)


def _input(value: str, by: str, properties: Mapping[str, str]) -> dict[str, Any]:
    return {"id": value, "idProperty": by, "objectWriteTraceId": value, "properties": dict(properties)}


def _traced(error: Mapping[str, Any], part: Mapping[str, object]) -> list[str]:
    """Which inputs an error of a 207 speaks of; none where it does not say."""
    context = error.get("context") or {}
    named = [str(one) for name in ("objectWriteTraceId", "ids", "id") for one in context.get(name, ())]
    return [value for value in named if value in part]


def _status(error: Mapping[str, Any]) -> int:
    """An error inside a 207 has a category and seldom a number."""
    status = str(error.get("status"))
    return int(status) if status.isdigit() else 400
