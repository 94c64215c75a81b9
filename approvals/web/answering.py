"""One answer per Idempotency-Key: whoever sends the same call again gets what they got."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import Header, Response

from approvals.canonical import canonical, digest
from approvals.decisions import Actor
from approvals.errors import AlreadyDecided, KeyReused, Overtaken
from approvals.ports import Clock, Remembered, Store

if TYPE_CHECKING:
    from approvals.web.callers import Desk

_OTHER_PROCESS = (0.02, 0.05, 0.1, 0.2)


IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]
"""The same call under the same key is answered once, and the same, however often it is sent."""


class Answer(NamedTuple):
    """What was or is answered."""

    text: str
    status: int
    repeated: bool


class Answering:
    """Remembers what succeeded; what was refused may be tried again under the same key."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # A call and its repetition that arrive together must not both act. Striped, so that keys are not kept.
        self._locks = tuple(threading.Lock() for _ in range(64))

    def once(self, key: str, by: Actor, body: str, act: Callable[[], str], status: int = 200) -> Answer:
        """What `act` answers, or what it answered before to this caller under this key.

        Raises:
            KeyReused: the key came with another body before.
        """
        subject, body_sha256 = f"{by.kind}:{by.id}", digest(body)
        with self._locks[hash((key, subject)) % len(self._locks)]:
            if (before := self._before(key, subject, body_sha256)) is not None:
                return before
            try:
                text = act()
            except AlreadyDecided:
                # Perhaps by the same call in another server process, which is about to remember it.
                for pause in _OTHER_PROCESS:
                    if (before := self._before(key, subject, body_sha256)) is not None:
                        return before
                    time.sleep(pause)
                raise
            with suppress(Overtaken), self._store.begin() as transaction:
                kept = Remembered(body_sha256=body_sha256, status=status, answer=text)
                transaction.remember(key, subject, kept, self._clock())
            return Answer(text, status, repeated=False)

    def _before(self, key: str, subject: str, body_sha256: str) -> Answer | None:
        with self._store.read() as transaction:
            remembered = transaction.remembered(key, subject)
        if remembered is None:
            return None
        if remembered.body_sha256 != body_sha256:
            raise KeyReused
        return Answer(remembered.answer, remembered.status, repeated=True)


def once(at: Desk, by: Actor, key: str | None, call: dict[str, Any], act: Callable[[], str]) -> Response:
    """What `act` answers as JSON; under a key, what it answered to this call before.

    Raises:
        KeyReused: the key came with another call before.
    """
    if key is None:
        return Response(act(), media_type="application/json")
    answer = at.answering.once(key, by, canonical(call), act)
    headers = {"Idempotency-Replayed": "true"} if answer.repeated else None
    return Response(answer.text, answer.status, headers, media_type="application/json")
