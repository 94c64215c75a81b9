"""What a model may see of how reviewers changed earlier drafts."""

from __future__ import annotations

from typing import Any

from agents.documents import Claim, EntityRef, Proposal, Section
from agents.ports import SentenceEdit
from approvals.decisions import Actor
from approvals.requests import Identity, Proposed, Request, RunReference
from flows import composition
from flows.lessons import lessons_of

ANNA = Actor(kind="person", id="anna@acme.example", via="embedded")
FLOW = Actor(kind="worker", id="outreach", via="flow", scopes=frozenset({"gate"}))


def proposal(*texts: str) -> dict[str, Any]:
    claims = tuple(Claim(id=f"c{number}", text=text) for number, text in enumerate(texts))
    document = Proposal(
        entity=EntityRef(name="Halden"),
        title="Offer",
        sections=(Section(key="s", title="Words", claims=claims),),
        currency="EUR",
        valid_days=30,
    )
    return document.model_dump(mode="json")


def asked(run: str, *texts: str) -> Request:
    return composition.approvals().gatekeeper.open(
        Proposed(
            identity=Identity(run=run, gate="proposal", key="k"),
            kind="agents.documents:Proposal",
            title="Proposal",
            document=proposal(*texts),
            document_schema={},
            requester="rita@acme.example",
            run=RunReference(id=run, flow="outreach", gates=("letter",)),
            policy="letter",
        ),
        FLOW,
    )


def test_sentences_that_were_signed_otherwise_are_shown_where_that_is_allowed(at_home, monkeypatch):
    service = composition.approvals().service
    first, second = asked("r1", "we are great.", "shall we talk?"), asked("r2", "hello there.")
    service.approve(first.id, ANNA, version=1, edited=proposal("we are here.", "shall we talk?"))
    service.approve(second.id, ANNA, version=1)
    store = composition.approvals().store

    assert composition.lessons("proposal") == ()
    assert lessons_of(store, "proposal", 5) == (SentenceEdit(before="we are great.", after="we are here."),)
    assert lessons_of(store, "letter", 5) == ()

    monkeypatch.setenv("AGENTS_MODEL_EDITS", "3")
    composition._agents.cache_clear()
    assert composition.lessons("proposal") == lessons_of(store, "proposal", 3)
