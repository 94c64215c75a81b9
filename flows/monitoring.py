"""Shows in Prefect what happens in the queue: names of runs, artifacts beside them, and events to act on.

It follows the record under a lease, in the queue process, so it works for whoever decided and wherever; while Prefect
is away it waits, and nothing is lost. An event has the same id however often it is sent, and Prefect keeps one.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.events.schemas.events import Event, RelatedResource, Resource
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from approvals.bootstrap import Approvals
from approvals.decisions import SYSTEM
from approvals.happenings import Happening, Watch
from approvals.leases import Lease
from approvals.lifecycle import is_open
from approvals.policies import groups_asked
from approvals.ports import Wanted
from approvals.rendering import Report, as_markdown
from approvals.requests import Request
from flows.artifacts import changes, receipt

_FOLLOWER = "monitoring"
_LEASE = timedelta(seconds=15)
_ENTRIES = 50
_OLD = timedelta(days=1)
"""What happened longer ago is passed over: nobody's automation should act on it now."""
_NAMESPACE = UUID("6d1c2d4e-6f0f-5f6e-9a53-3f1a0c1b7a11")
_LONGEST = 200
_NAMING = frozenset({"opened", "approved", "rejected", "returned", "expired", "withdrawn", "recalled", "escalated"})
"""After which a run is called otherwise."""

log = logging.getLogger("countersign.monitoring")


class Monitoring:
    """The loop. Each round is safe to repeat, and of several processes one shows."""

    def __init__(
        self,
        approvals: Approvals,
        render: Callable[[str, Any], str | None] = lambda _kind, _document: None,
        *,
        documents: bool = True,
        address: str = "",
        settled: float = 3.0,
    ) -> None:
        """
        Args:
            render: Makes plain text of a document of this kind; None where it does not know how.
            documents: Whether Prefect is shown what drafts say; without, only that and how they were decided.
            address: Under which people reach the queue.
            settled: Seconds that what happened is left alone: a run that goes on writes to Prefect's database too, and
                of two that write there at once one waits.
        """
        self._approvals = approvals
        self._watch = Watch(approvals.store, approvals.service.authority)
        self._render = render
        self._documents = documents
        self._address = address.rstrip("/")
        self._settled = timedelta(seconds=settled)
        self._lease = Lease(approvals.store, _FOLLOWER, _LEASE)
        self._client: SyncPrefectClient | None = None

    def run(self, stop: threading.Event, every: float = 1.0) -> None:
        """Round after round until `stop` is set; a round that fails is logged and the next one comes."""
        while not stop.is_set():
            try:
                shown = self.once()
            except Exception as error:
                self._forget()
                log.info("Prefect could not be shown what happened; it will be: %s", error)
                shown = 0
            if shown < _ENTRIES:
                stop.wait(every)

    def once(self) -> int:
        """Show what is new; tells how many entries of the record that were.

        Raises:
            httpx.HTTPError: Prefect does not answer; nothing is lost.
        """
        now = self._approvals.clock()
        store = self._approvals.store
        with store.read() as transaction:
            after, head = transaction.told_up_to(_FOLLOWER), transaction.head()[0]
        if after >= head or get_current_settings().api.url is None:
            return 0
        if not self._lease.take(now):
            return 0
        found, last, _ = self._watch.since(after, _ENTRIES)
        young = next((one.seq for one, _ in found if one.at > now - self._settled), None)
        if young is not None:
            found, last = tuple(one for one in found if one[0].seq < young), young - 1
        if last <= after:
            return 0
        recent = [one for one in found if one[0].at > now - _OLD]
        if recent:
            events = [event for one in recent if (event := self._event(*one)) is not None]
            if events:
                self._connected().request("POST", "/events", json=[event.model_dump(mode="json") for event in events])
            for request in {request.id: request for _, request in recent}.values():
                acts = {one.name.partition(".")[2] for one, of in recent if of.id == request.id}
                try:
                    self._show(request, acts)
                except (httpx.HTTPStatusError, ValueError) as error:
                    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code >= 500:
                        raise
                    # It would be refused again; it must not keep what happens after it from being shown.
                    log.warning("Prefect takes nothing of request %s: %s", request.id, error)
        with store.begin() as transaction:
            transaction.tell_up_to(last, _FOLLOWER)
        return last - after

    # -- events ------------------------------------------------------------------------------------------------

    def _event(self, happening: Happening, request: Request) -> Event | None:
        if not happening.name.startswith("request."):
            return None
        run = request.run
        related = [_related(f"prefect.flow-run.{run.id}", "flow-run", run.name)]
        if run.deployment:
            related.append(_related(f"prefect.deployment.{run.deployment}", "deployment", ""))
        return Event(
            id=uuid5(_NAMESPACE, f"{happening.seq}:{happening.request_id}:{happening.name}"),
            occurred=happening.at,
            event=f"countersign.{happening.name}",
            resource=Resource(
                {
                    "prefect.resource.id": f"countersign.request.{request.id}",
                    "prefect.resource.name": request.title[:_LONGEST],
                    "countersign.gate": request.identity.gate,
                    "countersign.risk": request.risk,
                }
            ),
            related=related if _is_id(run.id) else [],
            payload={
                "request": request.id,
                "gate": request.identity.gate,
                "state": request.state.value,
                "round": request.identity.round,
                "version": happening.version,
                "by": happening.by,
                "flow": run.flow,
                "due_at": request.due_at.isoformat(),
                "url": self._url(request),
            },
        )

    # -- beside the run ----------------------------------------------------------------------------------------

    def _show(self, request: Request, acts: set[str]) -> None:
        if not _is_id(request.run.id):
            return
        erased = "erased" in acts
        if erased:
            self._remove_artifacts(request)
        elif _NAMING.isdisjoint(acts):
            if "used" in acts:
                with suppress(ObjectNotFound):
                    self._show_receipt(request)
            return
        with suppress(ObjectNotFound):  # a run of another server, or one that was deleted
            self._connected().update_flow_run(UUID(request.run.id), name=self._name(request.run.id, request))
            for artifact in () if erased else self._artifacts(request):
                self._connected().create_artifact(artifact)
            if "used" in acts:
                self._show_receipt(request)

    def _show_receipt(self, request: Request) -> None:
        kept = self._approvals.reverts.receipt(request)
        if (artifact := receipt(request, kept, documents=self._documents)) is not None:
            self._connected().create_artifact(artifact)

    def _name(self, run: str, request: Request) -> str:
        """`outreach · Halden Freight · proposal waiting for sales`."""
        with self._approvals.store.read() as transaction:
            rows = transaction.listed(Wanted(run=run), sort="newest", limit=100).rows
            waiting = [row for row in rows if is_open(row.state)]
            shown = next((transaction.request(row.id) for row in (*waiting, *rows)), None) or request
        stands = f"{shown.identity.gate.replace('_', ' ')} {shown.state.value}"
        if shown.is_open:
            groups = groups_asked(shown.policy, shown.escalated)
            more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
            stands = f"{shown.identity.gate.replace('_', ' ')} waiting for {' or '.join(groups)}{more}"
        return " · ".join(part for part in (shown.run.flow, shown.about or shown.title, stands) if part)[:_LONGEST]

    def _artifacts(self, request: Request) -> Iterator[ArtifactCreate]:
        # A gate is named in any letters, an artifact in plain ones.
        gate = re.sub(r"[^a-z0-9]+", "-", request.identity.gate.lower()).strip("-") or "gate"
        run = UUID(request.run.id)
        link = f"[Open in the queue]({self._url(request)})\n\n" if self._address else ""
        if self._documents:
            report = Report.of(request, self._approvals.service.history(request.id, SYSTEM))
            told = link + as_markdown(report, self._render(request.kind, report.document))
            name = f"{request.identity.gate.replace('_', ' ').capitalize()} as it stands in the queue"
            yield ArtifactCreate(
                key=f"{gate}-{request.id.lower()}", type="markdown", data=told, description=name, flow_run_id=run
            )
            if planned := changes(report.document):
                yield ArtifactCreate(
                    key=f"{gate}-changes-{request.id.lower()}",
                    type="table",
                    data=json.dumps(planned),
                    description="What is written to the CRM, field by field",
                    flow_run_id=run,
                )
        if not request.is_open and request.ruling is not None:
            yield ArtifactCreate(
                key=f"decision-{request.id.lower()}",
                type="table",
                data=json.dumps([self._card(request)]),
                description=f"Who decided on the {request.identity.gate.replace('_', ' ')}, when, and why",
                flow_run_id=run,
            )

    def _card(self, request: Request) -> dict[str, str]:
        ruling = request.ruling
        if ruling is None:
            return {}
        said = ruling.reason or ruling.feedback or ruling.rule or ""
        changed = f"{len(ruling.changes)} edits" if ruling.edited else "as drafted"
        return {
            "decision": request.state.value,
            "by": str(ruling.by),
            "via": ruling.by.via,
            "when": f"{ruling.at:%Y-%m-%d %H:%M:%S} UTC",
            "changed": changed if ruling.document is not None else "",
            "why": said if self._documents else "",
            "request": self._url(request) or request.id,
        }

    def _remove_artifacts(self, request: Request) -> None:
        client = self._connected()
        of = ArtifactFilter(key=ArtifactFilterKey(like_=f"%-{request.id.lower()}"))
        while found := client.read_artifacts(artifact_filter=of, limit=100):
            for artifact in found:
                with suppress(ObjectNotFound):
                    client.delete_artifact(artifact.id)

    def _url(self, request: Request) -> str:
        return f"{self._address}/r/{request.id}" if self._address else ""

    def _connected(self) -> SyncPrefectClient:
        if self._client is None:
            self._client = get_client(sync_client=True).__enter__()
        return self._client

    def _forget(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.__exit__(None, None, None)


def _related(identity: str, role: str, name: str) -> RelatedResource:
    told = {"prefect.resource.id": identity, "prefect.resource.role": role}
    return RelatedResource({**told, "prefect.resource.name": name} if name else told)


def _is_id(text: str) -> bool:
    with suppress(ValueError):
        UUID(text)
        return True
    return False
