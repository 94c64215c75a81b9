"""One link, posted many times at the same moment from several connections: one decision, on every store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from approvals.audit import verify
from approvals.decisions import Reject
from approvals.errors import AlreadyDecided, LinkUsed
from approvals.links import Links
from approvals.people import PeopleList
from approvals.policies import Policy
from approvals.ports import Examination, Person
from approvals.requests import Request
from approvals.service import ApprovalService
from approvals.store import open_store

POSTS = 6


class Agreeable:
    """Has nothing to say against anything."""

    def examine(self, kind: str, document: Any, evidence: Any, based_on: Any) -> Examination:
        return Examination(document=document)


@pytest.mark.parametrize("quorum", [1, 2])
def test_of_many_posts_of_one_link_one_decides(
    shared_address: str, made: Any, opened: Callable[..., Request], quorum: int
) -> None:
    stores = [open_store(shared_address) for _ in range(POSTS)]
    policy = Policy.model_validate({"name": "offer", "groups": ("sales",), "on_timeout": "expire", "quorum": quorum})
    content = made.content(flags=(), moved=())
    asked = opened(stores[0], policy=policy, content=content)
    people = PeopleList([Person(email="anna@acme.example", groups=("sales",))])
    links = Links(lambda: [b"a key of at least thirty-two characters"], lambda: made.now)
    actor = links.actor(links.read(links.make(asked, "anna@acme.example")))
    if quorum == 2:
        # The one act was a signature that does not suffice: the request stays open, and the link is used all the same.
        ApprovalService(stores[0], people, lambda: made.now, Agreeable()).approve(asked.id, actor, version=1)
    done: list[Request] = []
    refused: list[Exception] = []
    together = threading.Barrier(POSTS)

    def post(number: int) -> None:
        service = ApprovalService(stores[number], people, lambda: made.now, Agreeable())
        together.wait()
        try:
            done.append(service.decide(asked.id, Reject(reason=f"No {number}."), actor, version=1))
        except (LinkUsed, AlreadyDecided) as error:
            refused.append(error)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(POSTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(done), len(refused)) == ((1, POSTS - 1) if quorum == 1 else (0, POSTS))
    with stores[0].read() as transaction:
        assert len(transaction.rulings(asked.id)) == (1 if quorum == 1 else 0)
        assert verify(transaction.entries(), transaction.rows()).ok
    for store in stores:
        store.close()
