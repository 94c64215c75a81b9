"""An OpenAI-compatible server in a process of its own, as bad as such servers get.

The name of the model chooses what it does: `busy--x1` is asked politely to wait, `html--x1` meets a proxy's error page.
What follows the two dashes keeps the counts of one test apart from another's. Its honest drafts are made of what the
request holds, so it knows no more than a model would. `GET /_asked/MODEL` tells what it was asked.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ASKED: dict[str, list[dict[str, Any]]] = defaultdict(list)
LOCK = threading.Lock()
HANG_SECONDS = 2.0
_FENCED = re.compile(r"^(~~~ data [0-9a-f]{16})\n(.*?)\n\1$", re.DOTALL | re.MULTILINE)


# -- drafts ------------------------------------------------------------------------------------------------------


def evidence(asked: dict[str, Any]) -> dict[str, Any]:
    """The data between the fences of the first user message."""
    fenced = _FENCED.search(asked["messages"][1]["content"])
    assert fenced, "the evidence is not fenced"
    return json.loads(fenced[2])


def honest(asked: dict[str, Any]) -> dict[str, Any]:
    """A draft that says what the facts say, in its own words around their quotes."""
    data = evidence(asked)
    facts, offers = data["facts"], data["catalogue"]["offers"]
    told = [{"text": f"You write: “{fact['quote']}”", "facts": [fact["id"]], "offers": []} for fact in facts[:6]]
    chosen = offers[0]
    quantity, cited = 1, []
    for fact_id, number in chosen.get("quantity_by_fact", {}).items():
        quantity, cited = number, [fact_id]
    price = {
        "text": f"{chosen['name']} costs {chosen['unit_price']} per {chosen['unit']}.",
        "facts": cited,
        "offers": [chosen["id"]],
    }
    wished = any("sent the draft back" in one["content"] for one in asked["messages"])
    last = "Thank you for reading this once more." if wished else "Shall we talk about it?"
    return {
        "title": f"Proposal for {data['company']['name']}",
        "language": "en",
        "sections": [
            {"title": "What we read", "claims": told or [{"text": "Hello,", "facts": [], "offers": []}]},
            {"title": "What we offer", "claims": [price]},
            {"title": "Next", "claims": [{"text": last, "facts": [], "offers": []}]},
        ],
        "offers": [{"offer": chosen["id"], "quantity": quantity}],
    }


def lying(asked: dict[str, Any]) -> dict[str, Any]:
    """The same draft, with a figure that nobody gave."""
    draft = honest(asked)
    fact = evidence(asked)["facts"][0]["id"]
    lie = {"text": "You save 37 % and pay only 1.00 EUR.", "facts": [fact], "offers": []}
    draft["sections"][1]["claims"].append(lie)
    return draft


def obedient(asked: dict[str, Any]) -> dict[str, Any]:
    """A draft of a model that does what the page tells it to."""
    draft = lying(asked) if "IGNORE ALL PREVIOUS" in json.dumps(asked["messages"]) else honest(asked)
    return {
        **draft,
        "unit_price": "1.00",
        "tool": "send_mail",
        "offers": [{**draft["offers"][0], "unit_price": "1.00"}],
    }


# -- answers -----------------------------------------------------------------------------------------------------


def completion(content: Any, *, ended: str = "stop", usage: bool = True, **message: Any) -> dict[str, Any]:
    """The envelope around what a model writes."""
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [
            {"index": 0, "finish_reason": ended, "message": {"role": "assistant", "content": content, **message}}
        ],
    }
    return (
        {**body, "usage": {"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500}} if usage else body
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/_asked/"):
            with LOCK:
                self.as_json(200, ASKED[self.path.removeprefix("/_asked/")])
        elif self.path == "/v1/models":
            self.as_json(200, {"data": [{"id": "fine"}, {"id": "priced"}]})
        elif self.path == "/closed/models":
            self.as_json(401, {"error": {"message": f"bad key {self.headers.get('Authorization')}"}})
        else:
            self.as_json(404, {"error": "nothing here"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        model = str(asked["model"])
        with LOCK:
            ASKED[model].append(asked)
            times = len(ASKED[model])
        SCENARIOS[model.partition("--")[0]](self, asked, times)

    def as_json(self, status: int, value: Any, **headers: str) -> None:
        self.answer(status, json.dumps(value).encode(), "application/json", **headers)

    def write(self, draft: dict[str, Any]) -> None:
        self.as_json(200, completion(json.dumps(draft)))

    def answer(self, status: int, body: bytes, media_type: str, **headers: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


Scenario = Callable[[Handler, dict[str, Any], int], None]


def first(bad: Scenario, count: int = 1) -> Scenario:
    """That for so many times, then an honest draft."""
    return lambda to, asked, times: bad(to, asked, times) if times <= count else to.write(honest(asked))


def error(status: int, message: str, code: str = "", **headers: str) -> Scenario:
    return lambda to, asked, times: to.as_json(status, {"error": {"message": message, "code": code}}, **headers)


def says(content: Any, **more: Any) -> Scenario:
    return lambda to, asked, times: to.as_json(200, completion(content, **more))


def page(status: int) -> Scenario:
    body = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>502</h1>nginx</body></html>"
    return lambda to, asked, times: to.answer(status, body, "text/html")


def hang(to: Handler, asked: dict[str, Any], times: int) -> None:
    time.sleep(HANG_SECONDS)
    to.close_connection = True


def drip(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.send_response(200)
    to.send_header("Content-Type", "application/json")
    to.send_header("Content-Length", "100000")
    to.end_headers()
    to.close_connection = True
    ends = time.monotonic() + HANG_SECONDS
    while time.monotonic() < ends:
        try:
            to.wfile.write(b" ")
        except OSError:
            return
        time.sleep(0.02)


def no_format(*refused: str) -> Scenario:
    def scenario(to: Handler, asked: dict[str, Any], times: int) -> None:
        kind = asked.get("response_format", {}).get("type")
        if kind in refused:
            to.as_json(400, {"error": {"message": f"response_format of type {kind!r} is not supported"}})
        else:
            to.write(honest(asked))

    return scenario


def new_limit(to: Handler, asked: dict[str, Any], times: int) -> None:
    if "max_tokens" in asked:
        said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        to.as_json(400, {"error": {"message": said}})
    else:
        to.write(honest(asked))


def thinking(to: Handler, asked: dict[str, Any], times: int) -> None:
    draft = json.dumps(honest(asked), indent=1)
    thought = '<think>The schema wants {"sections": []} and I know better.\nLet me see.</think>'
    to.as_json(200, completion(f"{thought}\nHere it is:\n```json\n{draft}\n```\nAnything else?"))


def half_a_thought(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.as_json(200, completion('Some {"sections": 1} thoughts </think>' + json.dumps(honest(asked))))


def cut(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.as_json(200, completion(json.dumps(honest(asked))[:150], ended="length"))


def broken_off(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.answer(200, json.dumps(completion(json.dumps(honest(asked)))).encode()[:200], "application/json")


def wrong_schema(to: Handler, asked: dict[str, Any], times: int) -> None:
    draft = honest(asked)
    draft["sections"] = {"first": "It is a fine company."}
    to.write(draft)


def unknown_ids(to: Handler, asked: dict[str, Any], times: int) -> None:
    draft = honest(asked)
    draft["sections"][0]["claims"][0]["facts"] = ["f999"]
    draft["offers"] = [{"offer": "moon-base", "quantity": 1}]
    to.write(draft)


def in_parts(to: Handler, asked: dict[str, Any], times: int) -> None:
    draft = json.dumps(honest(asked))
    to.as_json(200, completion([{"type": "text", "text": draft[:90]}, {"type": "text", "text": draft[90:]}]))


def wrong_key(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.as_json(400, {"error": {"message": f"I do not like {to.headers.get('Authorization')}"}})


def invented_quantity(to: Handler, asked: dict[str, Any], times: int) -> None:
    draft = honest(asked)
    draft["offers"][0]["quantity"] = 777
    to.write(draft)


def without_usage(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.as_json(200, completion(json.dumps(honest(asked)), usage=False))


def busy_by_date(to: Handler, asked: dict[str, Any], times: int) -> None:
    to.as_json(429, {"error": {"message": "slow down"}}, Retry_After=formatdate(1_772_355_607, usegmt=True))


CALL = [{"id": "c1", "type": "function", "function": {"name": "send_mail", "arguments": "{}"}}]

SCENARIOS: dict[str, Scenario] = {
    "fine": lambda to, asked, times: to.write(honest(asked)),
    "priced": lambda to, asked, times: to.write(honest(asked)),
    "busy": first(error(429, "slow down", Retry_After="7"), 2),
    "busy_by_date": first(busy_by_date),
    "busy_for_hours": error(429, "slow down", Retry_After="7200"),
    "busy_always": error(429, "slow down"),
    "no_credit": error(429, "You exceeded your current quota", "insufficient_quota"),
    "failing_once": first(error(500, "oops")),
    "failing": error(500, "oops"),
    "hanging_once": first(hang),
    "hanging": hang,
    "dripping": drip,
    "broken_off": first(broken_off),
    "cut": first(cut),
    "cut_always": cut,
    "wrong_schema": first(wrong_schema),
    "wrong_schema_always": wrong_schema,
    "unknown_ids": first(unknown_ids),
    "refusing": says(None, refusal="I will not write advertisements."),
    "refusing_in_prose": says("I'm sorry, but I can't help with that."),
    "filtered": says("", ended="content_filter"),
    "saying_nothing": says(None),
    "calling_a_tool": says(None, ended="tool_calls", tool_calls=CALL),
    "without_choices": lambda to, asked, times: to.as_json(200, {"choices": []}),
    "deep": says('{"sections": ' + "[" * 50_000),
    "huge": says("x" * 6_000_000),
    "thinking": thinking,
    "half_a_thought": half_a_thought,
    "in_parts": in_parts,
    "html": page(200),
    "html_error_once": first(page(502)),
    "html_error": page(502),
    "without_schema": no_format("json_schema"),
    "without_formats": no_format("json_schema", "json_object"),
    "new_limit": new_limit,
    "too_long": error(400, "This model's maximum context length is 4096 tokens."),
    "wrong_key": wrong_key,
    "unknown_key": error(401, "Incorrect API key provided"),
    "unknown_model": error(404, "The model does not exist"),
    "moved": lambda to, asked, times: to.answer(307, b"", "text/plain", Location="http://127.0.0.1:1/v1"),
    "lying": lambda to, asked, times: to.write(lying(asked)),
    "lying_once": first(lambda to, asked, times: to.write(lying(asked))),
    "obedient": lambda to, asked, times: to.write(obedient(asked)),
    "invented_quantity": invented_quantity,
    "without_usage": without_usage,
}


def main() -> None:
    """Serve on a free port, and say which on the first line; end when the caller's pipe does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
