"""A HubSpot account as a process of its own: state, limits, scopes, and every way a write can be lost sight of.

`python hubspot_fake.py` prints its address. What stands under `/_fake` steers it and tells what it saw; the rest is
the API, in v3 and in a dated version. `POST /_fake/faults` takes `{"on": "POST .*upsert", "do": …, "times": 1}`, where
`do` is `500_before`, `500_after`, `timeout_before`, `timeout_after` (the write is kept) or `429`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from hubspot_state import SINGULAR, Refused, State, Thing, shown
from serving import serve

TOKEN = "pat-test"
APP = "4711"
NOON = "2026-03-01T12:00:00Z"
EVERYTHING = {
    f"crm.objects.{kind}.{act}" for kind in ("companies", "contacts", "deals") for act in ("read", "write")
} | {f"crm.schemas.{kind}.{act}" for kind in ("companies", "contacts", "deals") for act in ("read", "write")}


class Fake:
    """The account, and what it was told to do wrong."""

    def __init__(self) -> None:
        self.reset({})

    def reset(self, terms: dict[str, Any]) -> None:
        self.state = State()
        self.portal = int(terms.get("portal", 12345678))
        self.limit = int(terms.get("limit", 100_000))
        self.interval = float(terms.get("interval", 10.0))
        self.hang = float(terms.get("hang", 3.0))
        self.search_lag = float(terms.get("search_lag", 0.0))
        self.scopes = set(terms.get("scopes", EVERYTHING))
        self.faults: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.answered: deque[float] = deque()

    def fault(self, what: str) -> str | None:
        for fault in self.faults:
            if fault["times"] > 0 and re.search(fault["on"], what):
                fault["skip"] = fault.get("skip", 0) - 1
                if fault["skip"] < 0:
                    fault["times"] -= 1
                    return str(fault["do"])
        return None


fake = Fake()
app = FastAPI()


@app.exception_handler(Refused)
async def refused(_request: Request, error: Refused) -> JSONResponse:
    return JSONResponse(error.body, error.status)


@app.middleware("http")
async def the_gate(request: Request, go_on: Any) -> Response:
    if request.url.path.startswith("/_fake"):
        return await go_on(request)
    what = f"{request.method} {request.url.path}"
    try:
        authorise(request)
        fault = fake.fault(what)
        headers = spend(fault == "429")
    except Refused as error:
        extra = {"Retry-After": str(error.body.pop("retryAfter"))} if "retryAfter" in error.body else {}
        fake.calls.append(f"{error.status} {what}")
        return JSONResponse(error.body, error.status, headers={**limits(), **extra})
    if fault == "500_before":
        fake.calls.append(f"500 {what}")
        return JSONResponse(Refused(500, "INTERNAL", "internal error").body, 500, headers=headers)
    if fault == "timeout_before":
        fake.calls.append(f"--- {what}")
        await asyncio.sleep(fake.hang)
        return JSONResponse({}, 504)
    response = await go_on(request)
    fake.calls.append(f"{response.status_code} {what}")
    if fault == "timeout_after":
        await asyncio.sleep(fake.hang)
    if fault == "500_after":
        return JSONResponse(Refused(500, "INTERNAL", "internal error").body, 500, headers=headers)
    response.headers.update(headers)
    return response


def authorise(request: Request) -> None:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        raise Refused(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or wrong")
    parts = [part for part in request.url.path.split("/") if part in SINGULAR]
    act = "read" if request.method == "GET" or request.url.path.endswith(("/read", "/search")) else "write"
    area = "schemas" if "/properties/" in request.url.path else "objects"
    for kind in parts:
        scope = f"crm.{area}.{'contacts' if kind == 'notes' else kind}.{act}"
        if scope not in fake.scopes:
            detail = {"message": "One of these scopes is required", "context": {"requiredGranularScopes": [scope]}}
            raise Refused(403, "MISSING_SCOPES", "This app lacks a scope that the call requires", errors=[detail])


def spend(refuse: bool) -> dict[str, str]:
    now = time.monotonic()
    while fake.answered and fake.answered[0] <= now - fake.interval:
        fake.answered.popleft()
    if refuse or len(fake.answered) >= fake.limit:
        oldest = fake.answered[0] if fake.answered else now
        seconds = 1 if refuse else max(1, int(oldest + fake.interval - now) + 1)
        raise Refused(
            429,
            "RATE_LIMITS",
            "The ten-secondly limit is reached",
            policyName="TEN_SECONDLY_ROLLING",
            retryAfter=seconds,
        )
    fake.answered.append(now)
    return limits()


def limits() -> dict[str, str]:
    return {
        "X-HubSpot-RateLimit-Max": str(fake.limit),
        "X-HubSpot-RateLimit-Remaining": str(max(0, fake.limit - len(fake.answered))),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(fake.interval * 1000)),
        "X-HubSpot-RateLimit-Daily": "250000",
        "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, 250_000 - len(fake.calls))),
    }


def named(request: Request, name: str) -> list[str]:
    return [one for value in request.query_params.getlist(name) for one in value.split(",") if one]


# -- steering ----------------------------------------------------------------------------------------------------


@app.post("/_fake/reset")
async def reset(terms: dict[str, Any]) -> dict[str, Any]:
    fake.reset(terms)
    return {}


@app.post("/_fake/faults")
async def add_fault(fault: dict[str, Any]) -> dict[str, Any]:
    fake.faults.append({"times": 1, **fault})
    return {}


@app.get("/_fake/calls")
async def calls() -> dict[str, Any]:
    return {"calls": fake.calls, "bodies": fake.bodies}


@app.post("/_fake/by-hand/{kind}/{name}/{value}")
async def by_hand(kind: str, name: str, value: str, properties: dict[str, str]) -> dict[str, Any]:
    """What somebody types in HubSpot's own pages."""
    thing = fake.state.by_property(kind, name, value)
    if thing is None:
        thing = fake.state.create(kind, properties, "somebody")
    else:
        fake.state.change(kind, thing, properties, "somebody")
    return {"id": thing.id}


@app.get("/_fake/counts")
async def counts() -> dict[str, int]:
    found = {kind: len(fake.state.alive(kind)) for kind in SINGULAR}
    return {**found, "links": len(fake.state.links)}


# -- objects -----------------------------------------------------------------------------------------------------


def found(kind: str, id_: str, by: str | None) -> Thing:
    thing = fake.state.by_property(kind, by, id_) if by else fake.state.by_id(kind, id_)
    if thing is None:
        raise Refused(404, "OBJECT_NOT_FOUND", f"Object not found. objectId is {id_}.")
    return thing


def objects(prefix: str) -> None:
    @app.get(prefix + "/{kind}")
    async def each(kind: str, request: Request, limit: int = 10, after: str | None = None) -> dict[str, Any]:
        things = [thing for thing in fake.state.alive(kind) if after is None or int(thing.id) > int(after)]
        page = things[:limit]
        body: dict[str, Any] = {"results": [shown(thing, named(request, "properties")) for thing in page]}
        if len(things) > limit:
            body["paging"] = {"next": {"after": page[-1].id, "link": "?"}}
        return body

    @app.post(prefix + "/{kind}", status_code=201)
    async def create(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        fake.state.check(kind, body["properties"])
        return shown(fake.state.create(kind, body["properties"], APP), list(body["properties"]))

    @app.post(prefix + "/{kind}/batch/read")
    async def read(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        things = [fake.state.by_id(kind, one["id"]) for one in body["inputs"]]
        results = [shown(thing, body["properties"]) for thing in things if thing]
        return {"status": "COMPLETE", "results": results, "startedAt": NOON, "completedAt": NOON}

    @app.post(prefix + "/{kind}/batch/upsert")
    async def upsert(kind: str, body: dict[str, Any]) -> JSONResponse:
        fake.bodies.append({"kind": kind, **body})
        status, answer = fake.state.upsert(kind, body["inputs"], APP)
        return JSONResponse(answer, status)

    @app.post(prefix + "/{kind}/search")
    async def search(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Finds only what was written long enough ago."""
        wanted = [one for group in body.get("filterGroups", []) for one in group["filters"]]
        until = time.time() - fake.search_lag
        results = [
            shown(thing, body.get("properties", []))
            for thing in fake.state.alive(kind)
            if time.mktime(time.strptime(thing.updated[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone <= until
            and all(thing.properties.get(one["propertyName"]) == one["value"] for one in wanted)
        ]
        return {"total": len(results), "results": results}

    @app.get(prefix + "/{kind}/{id_}")
    async def get(kind: str, id_: str, request: Request, idProperty: str | None = None) -> dict[str, Any]:
        thing = found(kind, id_, idProperty)
        return shown(thing, named(request, "properties"), named(request, "propertiesWithHistory"))

    @app.patch(prefix + "/{kind}/{id_}")
    async def update(kind: str, id_: str, body: dict[str, Any], idProperty: str | None = None) -> dict[str, Any]:
        thing = found(kind, id_, idProperty)
        fake.state.check(kind, body["properties"])
        fake.state.change(kind, thing, body["properties"], APP)
        return shown(thing, list(body["properties"]))

    @app.delete(prefix + "/{kind}/{id_}", status_code=204)
    async def archive(kind: str, id_: str) -> Response:
        fake.state.archive(kind, id_)
        return Response(status_code=204)


def associations(prefix: str) -> None:
    @app.put(prefix + "/{kind}/{id_}/associations/default/{other}/{other_id}")
    async def link(kind: str, id_: str, other: str, other_id: str) -> dict[str, Any]:
        found(kind, id_, None)
        found(other, other_id, None)
        fake.state.links.add(frozenset({(kind, id_), (other, other_id)}))
        ends = {"from": {"id": id_}, "to": {"id": other_id}}
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}
        results = [{**ends, "associationSpec": spec}]
        return {"status": "COMPLETE", "results": results, "startedAt": NOON, "completedAt": NOON}

    @app.get(prefix + "/{kind}/{id_}/associations/{other}")
    async def linked(kind: str, id_: str, other: str) -> dict[str, Any]:
        found(kind, id_, None)
        ends = [next(iter(link - {(kind, id_)})) for link in fake.state.links if (kind, id_) in link]
        types = [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None}]
        return {"results": [{"toObjectId": int(one), "associationTypes": types} for of, one in ends if of == other]}

    @app.delete(prefix + "/{kind}/{id_}/associations/{other}/{other_id}", status_code=204)
    async def unlink(kind: str, id_: str, other: str, other_id: str) -> Response:
        fake.state.links.discard(frozenset({(kind, id_), (other, other_id)}))
        return Response(status_code=204)


def properties(prefix: str) -> None:
    @app.get(prefix + "/{kind}/groups")
    async def groups(kind: str) -> dict[str, Any]:
        return {"results": [{"name": one, "label": one, "archived": False} for one in fake.state.groups[kind]]}

    @app.post(prefix + "/{kind}/groups", status_code=201)
    async def make_group(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        fake.state.add_group(kind, body["name"])
        return {**body, "archived": False, "displayOrder": -1}

    @app.get(prefix + "/{kind}")
    async def each(kind: str) -> dict[str, Any]:
        return {"results": list(fake.state.properties[kind].values())}

    @app.post(prefix + "/{kind}", status_code=201)
    async def make(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        return fake.state.add_property(kind, body)


@app.get("/account-info/v3/details")
async def account() -> dict[str, Any]:
    return {"portalId": fake.portal, "accountType": "STANDARD", "timeZone": "Europe/Berlin"}


properties("/crm/v3/properties")
properties("/crm/properties/2026-03")
associations("/crm/v4/objects")
associations("/crm/objects/2026-03")
objects("/crm/v3/objects")
objects("/crm/objects/2026-03")


if __name__ == "__main__":
    serve(app)
