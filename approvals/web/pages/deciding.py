"""What people do on the page of a request. Each act is one call of the service; a refusal keeps what was typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from approvals.canonical import canonical
from approvals.decisions import Tag
from approvals.errors import (
    ApprovalError,
    CannotExamine,
    ClaimedBySomeoneElse,
    DocumentInvalid,
    FieldError,
    KeyReused,
    NotActionable,
    SnoozeInvalid,
    StaleDecision,
    UnsupportedClaims,
    VerdictInvalid,
)
from approvals.filters import Filters
from approvals.requests import Content, Request
from approvals.web import words
from approvals.web.doors import here
from approvals.web.pages import document as documents
from approvals.web.pages.document import changes
from approvals.web.pages.done import left, named
from approvals.web.pages.queue import asked
from approvals.web.pages.review import shown, typed
from approvals.web.pages.sheet import Notice, Typed, confirmation, neighbours, sheet
from approvals.web.pages.visit import Form, Sent, Visit, Visited, list_address

router = APIRouter(include_in_schema=False)

_TAGS: TypeAdapter[tuple[Tag, ...]] = TypeAdapter(tuple[Tag, ...])


@router.post("/r/{request_id}/decide")
def decide(visit: Visited, form: Sent, request_id: str) -> Response:
    """Hand in a verdict; or keep what was typed, where the form says so."""
    visit.at.reading.check_acts(visit.by)
    request = visit.at.reading.visible(request_id, visit.by)
    filters, verdict = asked(visit), "save" if form.get("__do") else form.get("verdict", "save")
    if verdict == "save":
        return _saved(visit, form, request, filters)
    read = _read(visit, form, request)
    try:
        sent = _sent(visit, form, request.id, read, verdict)
    except StaleDecision as error:
        return _elsewhere(visit, request, filters, error)
    if sent.errors and read.version == request.version:
        return shown(visit, request, filters, typed=sent, status=422)
    if (
        verdict == "approve"
        and request.risk == "high"
        and read.version == request.version
        and form.get("confirmed") != confirmation(request, sent.document)
    ):
        return _to_confirm(visit, form, request, filters, sent)
    after = form.get("next") or _following(visit, request, filters)
    try:
        answer = visit.once(form, lambda: _decided(visit, form, request, verdict, sent, read))
    except ApprovalError as error:
        return _refused(visit, read, request.id, filters, sent, verdict, error)
    current = visit.at.reading.visible(request.id, visit.by)
    if answer.repeated and current.is_open and answer.text != "signed":
        taken_back = Notice("wa", "undo", "You took this decision back. Nothing is decided; decide again.")
        return shown(visit, current, filters, typed=sent, conflict=taken_back, status=409)
    return visit.moved(_with_done(after, request.id), left=str(left(current, visit)))


@router.post("/r/{request_id}/save")
def save(visit: Visited, form: Sent, request_id: str) -> Response:
    """Keep what was typed so far; decides nothing."""
    request = visit.at.reading.visible(request_id, visit.by)
    return _saved(visit, form, request, asked(visit))


@router.post("/r/{request_id}/discard")
def discard(visit: Visited, request_id: str) -> Response:
    """Forget what was typed so far; the draft stands as its agent made it."""
    service = visit.at.approvals.service
    return _then(visit, request_id, lambda request: service.discard_working_copy(request.id, visit.by))


@router.post("/r/{request_id}/claim")
def claim(visit: Visited, request_id: str) -> Response:
    """Keep the request for oneself for a while."""
    return _then(visit, request_id, lambda request: visit.at.approvals.service.claim(request.id, visit.by))


@router.post("/r/{request_id}/release")
def release(visit: Visited, request_id: str) -> Response:
    """Give a claimed request back."""
    return _then(visit, request_id, lambda request: visit.at.approvals.service.release(request.id, visit.by))


@router.post("/r/{request_id}/snooze")
def snooze(visit: Visited, form: Sent, request_id: str) -> Response:
    """Put the request out of one's sight until then."""
    request = visit.at.reading.visible(request_id, visit.by)
    filters = asked(visit)
    after = _following(visit, request, filters)
    visit.at.approvals.service.snooze(request.id, visit.by, _until(form.get("until")))
    return visit.moved(after)


@router.post("/r/{request_id}/unsnooze")
def unsnooze(visit: Visited, request_id: str) -> Response:
    """Have the request back."""
    return _then(visit, request_id, lambda request: visit.at.approvals.service.unsnooze(request.id, visit.by))


@router.post("/r/{request_id}/comment")
def comment(visit: Visited, form: Sent, request_id: str) -> Response:
    """Say something beside the request."""
    service = visit.at.approvals.service
    return _then(visit, request_id, lambda one: service.comment(one.id, form.get("text"), visit.by), "#activity")


@router.post("/r/{request_id}/withdraw")
def withdraw(visit: Visited, form: Sent, request_id: str) -> Response:
    """Take an open question back, with a reason."""
    service = visit.at.approvals.service
    return _then(visit, request_id, lambda request: service.withdraw(request.id, form.get("reason"), visit.by))


@router.post("/r/{request_id}/undo")
def undo(visit: Visited, request_id: str) -> Response:
    """Take one's own decision back while it has no effect."""
    return _then(visit, request_id, lambda request: visit.at.approvals.service.recall(request.id, visit.by))


# -- deciding ----------------------------------------------------------------------------------------------------


def _read(visit: Visit, form: Form, request: Request) -> Content:
    """The version that the form is about, which may have been replaced; the current one where it says none that was."""
    version = _version(form)
    if version == request.version:
        return request.content
    contents = visit.at.approvals.service.history(request.id, visit.by).contents
    return next((content for content in contents if content.version == version), request.content)


def _sent(visit: Visit, form: Form, request_id: str, read: Content, verdict: str) -> Typed:
    """What the form says.

    Raises:
        StaleDecision: it was typed on what this person has changed in another tab since.
    """
    if verdict in ("reject", "return"):
        reason = form.get("reason" if verdict == "reject" else "feedback")
        return Typed(read.value(), reason=reason, panel=verdict)
    return typed(visit, form, request_id, read)


_NEEDED = {"reject": "Say why not: a rejection needs a reason.", "return": "Say what should be different."}


def _decided(visit: Visit, form: Form, request: Request, verdict: str, sent: Typed, read: Content) -> str:
    service, by, version = visit.at.approvals.service, visit.by, _version(form)
    recall = request.policy.recall
    match verdict:
        case "approve":
            edited = sent.document if canonical(sent.document) != read.document else None
            after = service.approve(
                request.id, by, version=version, edited=edited, vouched=sent.vouched, recall=recall, tags=_tags(sent)
            )
        case "reject":
            code = form.get("code") or "other"
            after = service.reject(request.id, by, version=version, reason=sent.reason, code=code, recall=recall)
        case "return":
            after = service.send_back(request.id, by, version=version, feedback=sent.reason, recall=recall)
        case _:
            raise VerdictInvalid([FieldError("verdict", f"{verdict!r} is none of approve, reject, return and save")])
    return "signed" if after.is_open else str(after.state)


def _refused(
    visit: Visit, read: Content, request_id: str, filters: Filters, sent: Typed, verdict: str, error: ApprovalError
) -> Response:
    """The page again with what was refused and why; nothing that was typed on the version that was read is lost."""
    current = visit.at.reading.visible(request_id, visit.by)
    edits = changes(read.value(), sent.document) if verdict == "approve" else ()
    kept = " Your edits are kept." if edits else ""
    match error:
        case VerdictInvalid() if not sent.reason.strip() and verdict in _NEEDED:
            wordless = Typed(sent.document, (FieldError("", _NEEDED[verdict]),), reason=sent.reason, panel=sent.panel)
            return shown(visit, current, filters, typed=wordless, status=422)
        case DocumentInvalid(errors=errors):
            refused = Typed(sent.document, errors, sent.vouched, sent.tags, sent.reason, sent.panel)
            return shown(visit, current, filters, typed=refused, status=422)
        case UnsupportedClaims(claims=claims):
            title = f"{words.several(len(claims), 'claim')} without a source: answer for each, or edit it.{kept}"
            notice = Notice("no", "question", title)
            return shown(visit, current, filters, typed=sent, conflict=notice, status=422)
        case StaleDecision():
            # What was typed on the old text still fits where only the records beside it moved.
            same = current.content.document == read.document
            notice = Notice("wa", "risk", f"This changed since you read it.{kept}", (str(error),))
            lost = () if same else edits
            return shown(visit, current, filters, typed=sent if same else None, conflict=notice, lost=lost, status=409)
        case NotActionable() if not current.is_open:
            ruling = current.ruling
            who = visit.named(ruling.by.id) if ruling and ruling.by.kind == "person" else "Somebody"
            when = words.ago(ruling.at, visit.now) if ruling else "just now"
            notice = Notice("wa", "info", f"{who} decided this ({current.state}, {when}).{kept}")
            return shown(visit, current, filters, conflict=notice, lost=edits, status=409)
        case ClaimedBySomeoneElse() | CannotExamine() | KeyReused():
            status = 503 if isinstance(error, CannotExamine) else 409
            notice = Notice("wa", "risk", f"Nothing was decided.{kept}", (str(error),))
            return shown(visit, current, filters, typed=sent, conflict=notice, status=status)
    raise error


def _elsewhere(visit: Visit, request: Request, filters: Filters, error: StaleDecision) -> Response:
    """The page as this person has left it in another tab."""
    notice = Notice("wa", "risk", f"{error} Nothing of this page was taken over.", ("Below is what you kept there.",))
    return shown(visit, request, filters, conflict=notice, status=409)


def _to_confirm(visit: Visit, form: Form, request: Request, filters: Filters, sent: Typed) -> Response:
    """A page between: what approving this high-risk request leads to, said once more."""
    made = sheet(visit, request, filters, sent)
    if made.errors:
        return shown(visit, request, filters, typed=Typed(**{**vars(sent), "errors": made.errors}), status=422)
    terms: dict[str, Any] = {
        "sheet": made,
        "fields": [pair for pair in form.pairs if pair[0] not in ("csrf", "confirmed", "verdict")],
        "name": named(request),
    }
    if visit.http.headers.get("x-fragment") == "confirm":
        return visit.fragment("confirm_part.html", shell=visit.visitor, **terms)
    return visit.page("confirm.html", filters.view, **terms)


def _saved(visit: Visit, form: Form, request: Request, filters: Filters) -> Response:
    read = _read(visit, form, request)
    try:
        sent = typed(visit, form, request.id, read)
    except StaleDecision as error:
        return _elsewhere(visit, request, filters, error)
    try:
        visit.at.approvals.service.save_working_copy(request.id, sent.document, visit.by, version=_version(form))
    except ApprovalError as error:
        return _refused(visit, read, request.id, filters, sent, "approve", error)
    if visit.http.headers.get("x-fragment"):
        return Response(status_code=204)
    query = visit.http.url.query
    place = request_place(visit, request, sent)
    return visit.moved(f"/r/{request.id}{f'?{query}' if query else ''}{place}")


def request_place(visit: Visit, request: Request, sent: Typed) -> str:
    """The control that a button in the form has just changed, as the end of an address."""
    if not sent.focus:
        return ""
    node = documents.tree(request.content, sent.document, readonly=False).at(sent.focus)
    return f"#{node.id}" if node else ""


def _then(visit: Visit, request_id: str, act: Callable[[Request], Any], place: str = "") -> Response:
    request = visit.at.reading.visible(request_id, visit.by)
    act(request)
    query = visit.http.url.query
    return visit.moved(f"/r/{request.id}{f'?{query}' if query else ''}{place}")


def _following(visit: Visit, request: Request, filters: Filters) -> str:
    """Where to go once this is decided: the next of the list it came from, or the list."""
    _, following = neighbours(visit, request, filters)
    return following.href if following else list_address(filters)


def _with_done(address: str, request_id: str) -> str:
    page, mark, place = here(address).partition("#")
    return f"{page}{'&' if '?' in page else '?'}done={request_id}{mark}{place}"


def _version(form: Form) -> int:
    text = form.get("version")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _tags(sent: Typed) -> tuple[Tag, ...]:
    try:
        return _TAGS.validate_python(sent.tags)
    except ValidationError:
        return ()


def _until(text: str) -> datetime:
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise SnoozeInvalid([FieldError("until", f"{text!r} is no time; choose one of the list")])
    return until
