"""A Salesforce organisation as a process of its own: external ids, tokens that end, limits, locks and duplicate rules.

`python salesforce_fake.py` prints its address. `POST /_fake/faults` takes `{"on": "PATCH .*", "do": …, "times": 1}`,
where `do` is `500_before`, `500_after`, `timeout_before`, `timeout_after` (the write is kept), `locked`, `limit` or
`expired`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from salesforce_state import KEY, KINDS, Refused, State
from serving import serve

CLIENT, SECRET = "client-of-tests", "secret-of-tests"
PAGE = 200


class Fake:
    """The organisation, and what it was told to do wrong."""

    def __init__(self) -> None:
        self.reset({})

    def reset(self, terms: dict[str, Any]) -> None:
        self.state = State()
        self.state.missing = set(terms.get("missing", ()))
        self.state.not_unique = set(terms.get("not_unique", ()))
        self.state.duplicate_rule = bool(terms.get("duplicate_rule", False))
        self.hang = float(terms.get("hang", 3.0))
        self.faults: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.tokens = 0

    def fault(self, what: str) -> str | None:
        for fault in self.faults:
            if fault["times"] > 0 and re.search(fault["on"], what):
                fault["skip"] = fault.get("skip", 0) - 1
                if fault["skip"] < 0:
                    fault["times"] -= 1
                    return str(fault["do"])
        return None

    @property
    def token(self) -> str:
        return f"00D-token-{self.tokens}"


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
    headers = {"Sforce-Limit-Info": f"api-usage={len(fake.calls)}/15000"}
    fault = fake.fault(what)
    refusal = None
    if request.url.path.startswith("/services/data"):
        if fault == "expired" or request.headers.get("Authorization") != f"Bearer {fake.token}":
            refusal = Refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        elif fault == "locked":
            refusal = Refused(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        elif fault == "limit":
            refusal = Refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        elif fault == "500_before":
            refusal = Refused(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred")
    if refusal is not None:
        fake.calls.append(f"{refusal.status} {what}")
        return JSONResponse(refusal.body, refusal.status, headers=headers)
    if fault == "timeout_before":
        fake.calls.append(f"--- {what}")
        await asyncio.sleep(fake.hang)
        return JSONResponse([], 504)
    response = await go_on(request)
    fake.calls.append(f"{response.status_code} {what}")
    if fault == "timeout_after":
        await asyncio.sleep(fake.hang)
    if fault == "500_after":
        return JSONResponse(
            Refused(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred").body, 500, headers=headers
        )
    response.headers.update(headers)
    return response


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


@app.get("/_fake/counts")
async def counts() -> dict[str, int]:
    return {kind: len(rows) for kind, rows in fake.state.rows.items()}


@app.post("/_fake/by-hand/{kind}/{name}/{value}")
async def by_hand(kind: str, name: str, value: str, values: dict[str, Any]) -> dict[str, Any]:
    """What somebody types in Salesforce's own pages; with a value of `-` a record without a key."""
    found = [] if value == "-" else fake.state.by_key(kind, name, value)
    for row in found:
        fake.state.update(kind, row, values)
    if not found:
        fake.state.create(kind, values)
    return {}


# -- the API -----------------------------------------------------------------------------------------------------


@app.post("/services/oauth2/token")
async def token(request: Request) -> JSONResponse:
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
        return JSONResponse({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
    if form.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "unsupported_grant_type", "error_description": "grant type not supported"}, 400)
    fake.tokens += 1
    return JSONResponse(
        {"access_token": fake.token, "instance_url": str(request.base_url), "token_type": "Bearer", "scope": "api"}
    )


@app.get("/services/data/{version}/sobjects/{kind}/describe")
async def describe(kind: str) -> dict[str, Any]:
    names = ["Id", "CreatedDate", *fake.state.fields(kind)]
    unique = f"{kind}.{KEY}" not in fake.state.not_unique
    fields = [{"name": one, "externalId": one == KEY, "unique": one == KEY and unique} for one in names]
    return {"name": kind, "fields": fields}


@app.get("/services/data/{version}/query")
@app.get("/services/data/{version}/query/")
async def query(version: str, q: str, after: int = 0) -> dict[str, Any]:
    rows = fake.state.query(q)
    page = rows[after : after + PAGE]
    body: dict[str, Any] = {"totalSize": len(rows), "done": after + PAGE >= len(rows), "records": page}
    if not body["done"]:
        body["nextRecordsUrl"] = f"/services/data/{version}/query?q={quote(q)}&after={after + PAGE}"
    return body


@app.get("/services/data/{version}/sobjects/{kind}/{name}/{value}")
async def get_by_key(kind: str, name: str, value: str, fields: str = "") -> dict[str, Any]:
    found = fake.state.by_key(kind, name, value)
    if not found:
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    if len(found) > 1:
        several = Refused(300, "", "")
        several.body = [row["Id"] for row in found]
        raise several
    names = [one for one in fields.split(",") if one] or ["Id", "CreatedDate", *KINDS[kind]]
    for one in names:
        if one not in {"Id", "CreatedDate", *fake.state.fields(kind)}:
            raise Refused(400, "INVALID_FIELD", f"No such column '{one}' on entity '{kind}'")
    return {"attributes": {"type": kind}, **{one: found[0].get(one) for one in names}}


@app.patch("/services/data/{version}/sobjects/{kind}/{name}/{value}")
async def upsert(kind: str, name: str, value: str, values: dict[str, Any]) -> JSONResponse:
    fake.bodies.append({"kind": kind, "key": value, **values})
    row, created = fake.state.upsert(kind, name, value, values)
    return JSONResponse({"id": row["Id"], "success": True, "errors": [], "created": created}, 201 if created else 200)


def row_of(kind: str, number: str) -> dict[str, Any]:
    fake.state.fields(kind)
    row = fake.state.rows[kind].get(number)
    if row is None:
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    return row


@app.get("/services/data/{version}/sobjects/{kind}/{number}")
async def get(kind: str, number: str) -> dict[str, Any]:
    return {"attributes": {"type": kind}, **row_of(kind, number)}


@app.patch("/services/data/{version}/sobjects/{kind}/{number}")
async def update(kind: str, number: str, values: dict[str, Any]) -> Response:
    fake.state.update(kind, row_of(kind, number), values)
    return Response(status_code=204)


@app.delete("/services/data/{version}/sobjects/{kind}/{number}")
async def delete(kind: str, number: str) -> Response:
    fake.state.delete(kind, number)
    return Response(status_code=204)


@app.post("/services/data/{version}/sobjects/{kind}")
@app.post("/services/data/{version}/sobjects/{kind}/")
async def create(kind: str, values: dict[str, Any]) -> JSONResponse:
    row = fake.state.create(kind, values)
    return JSONResponse({"id": row["Id"], "success": True, "errors": []}, 201)


if __name__ == "__main__":
    serve(app)
