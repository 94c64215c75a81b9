"""What a page says of one request's draft: checks, consequences, claims and sources, in the words of a colleague."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from approvals.errors import ApprovalError
from approvals.ports import Effect, Examination
from approvals.receipts import Item
from approvals.requests import Content, Fact, Finding, Moved, Request, Source
from approvals.web import words
from approvals.web.looks import label

_FOLLOWS = (
    (("sends ", "e-mails ", "mails "), "mail"),
    (("creates ", "sets ", "adds ", "links ", "updates ", "writes ", "changes ", "removes "), "db"),
    (("the run ", "a proposal ", "resumes ", "starts ", "the crm update "), "run"),
)


class Line(NamedTuple):
    """One thing said, with its icon and how loud it is."""

    tone: str
    icon: str
    text: str
    more: tuple[str, ...] = ()
    path: str = ""


class Claim(NamedTuple):
    """A sentence of the draft that can be held against its sources."""

    id: str
    path: str
    text: str
    facts: tuple[str, ...]
    catalogue: tuple[str, ...]


class Quote(NamedTuple):
    """What a source says."""

    id: str
    text: str
    key: str


class Shown(NamedTuple):
    """One source."""

    number: int
    id: str
    title: str
    address: str
    link: str | None
    quotes: tuple[Quote, ...]
    rest: tuple[Quote, ...]


class Evidence(NamedTuple):
    """The sources, and which numbers and quotes each claim rests on."""

    sources: tuple[Shown, ...]
    numbers: dict[str, tuple[int, ...]]
    facts: dict[str, tuple[str, ...]]


class Altered(NamedTuple):
    """What changes in one record; a reason or warning that all its lines share is said once."""

    record: str
    why: str
    note: str
    lines: tuple[Effect, ...]


def altered(effects: Iterable[Effect]) -> tuple[Altered, ...]:
    """The effects by the record that they change."""
    found = []
    for record, ones in groupby(effects, key=lambda effect: effect.record):
        lines = tuple(ones)
        why, note = (_shared([getattr(one, name) for one in lines]) for name in ("why", "note"))
        shared = {"why": "", **({"note": ""} if note else {})} if why else {"note": ""} if note else {}
        found.append(Altered(record, why, note, tuple(one.model_copy(update=shared) for one in lines)))
    return tuple(found)


def _shared(said: list[str]) -> str:
    """What every line says, where all say the same; a warning of one is never said of all."""
    return said[0] if len(said) > 1 and len(set(said)) == 1 else ""


def follows(examination: Examination | None) -> tuple[Line, ...]:
    """What approving leads to."""
    said = examination.consequences if examination else ()
    return tuple(Line("", _icon(sentence), sentence) for sentence in said)


_BECAME = {"written": ("ok", "check"), "conflict": ("no", "risk"), "skipped": ("", "x")}


def done(items: Iterable[Item]) -> tuple[Line, ...]:
    """What was really done, in the order it was signed."""
    return tuple(Line(*_BECAME.get(item.outcome, ("", "check")), item.record, (item.sentence,)) for item in items)


def checks(content: Content, findings: Iterable[Finding], claims: dict[str, Claim]) -> tuple[Line, ...]:
    """Exceptions one by one, worst first; whatever is fine in one line."""
    findings = tuple(findings)
    lines = [_moved(moved) for moved in content.moved]
    lines += [_flag(flag.severity, flag.code, flag.message) for flag in content.flags]
    judged = [finding for finding in findings if finding.support != "not_applicable"]
    for finding in judged:
        if finding.support in ("unsupported", "partly"):
            lines.append(_finding(finding, claims.get(finding.claim_id)))
    fine = sum(finding.support == "supported" for finding in judged)
    if judged:
        every = fine == len(judged)
        text = "Every claim rests on a source" if every else f"{fine} of {len(judged)} claims rest on a source"
        lines.append(
            Line("ok" if every else "", "check", text, (words.several(len(judged), "claim"),) if every else ())
        )
    elif not lines:
        lines.append(Line("ok", "check", "Nothing to look twice at"))
    order = {"no": 0, "wa": 1, "": 2, "ok": 3}
    return tuple(sorted(lines, key=lambda line: order[line.tone]))


def claims(document: Any, path: str = "") -> dict[str, Claim]:
    """Every claim of a document by its id, wherever it stands."""
    found: dict[str, Claim] = {}
    if isinstance(document, dict):
        if isinstance(document.get("id"), str) and isinstance(document.get("text"), str):
            facts = tuple(map(str, document.get("fact_ids") or ()))
            catalogue = tuple(map(str, document.get("catalogue_ids") or ()))
            found[document["id"]] = Claim(document["id"], path, document["text"], facts, catalogue)
        for key, value in document.items():
            found |= claims(value, f"{path}.{key}" if path else str(key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            found |= claims(value, f"{path}.{index}" if path else str(index))
    return found


def evidence(content: Content, cited: dict[str, Claim]) -> Evidence:
    """The sources by number, with the quotes that the draft cites; what it does not cite stands behind them."""
    wanted = {fact for claim in cited.values() for fact in claim.facts}
    by_source: dict[str, list[Fact]] = {}
    for fact in content.evidence.facts:
        by_source.setdefault(fact.source_id, []).append(fact)
    sources: list[Shown] = []
    number_of: dict[str, int] = {}
    for number, source in enumerate(content.evidence.sources, start=1):
        facts = by_source.get(source.id, [])
        number_of |= {fact.id: number for fact in facts}
        first = [fact for fact in facts if fact.id in wanted] or facts[:1]
        sources.append(
            Shown(
                number=number,
                id=source.id,
                title=source.title or _host(source.address),
                address=source.address,
                link=link(source.address),
                quotes=_quotes(first[:4]),
                rest=_quotes([fact for fact in facts if fact not in first[:4]]),
            )
        )
    numbers = {
        claim.id: tuple(sorted({number_of[fact] for fact in claim.facts if fact in number_of}))
        for claim in cited.values()
    }
    return Evidence(tuple(sources), numbers, {claim.id: claim.facts for claim in cited.values()})


def link(address: str) -> str | None:
    """The address if it may be opened: http or https, with a host, and nothing that hides in it."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return None
    plain = address.isascii() and address.isprintable() and " " not in address
    return address if parts.scheme in ("http", "https") and host and "@" not in parts.netloc and plain else None


def gist(request: Request) -> str:
    """The first words of the draft that read like prose."""
    texts = [text for text in _texts(request.content.value()) if " " in text.strip() and len(text) > 40]
    return "\n".join(texts[:4])[:900] or request.summary


def unexamined(error: ApprovalError) -> Line:
    """That nobody could check the draft."""
    return Line("no", "risk", "The draft could not be checked", (str(error),))


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _moved(moved: Moved) -> Line:
    return Line("wa", "risk", "Changed since the agent read it", (f"{moved.address}: was {moved.was}, is {moved.now}",))


def _flag(severity: str, code: str, message: str) -> Line:
    tone, icon = {"high": ("no", "risk"), "warning": ("wa", "risk")}.get(severity, ("", "info"))
    return Line(tone, icon, label(code), (message,))


def _finding(finding: Finding, claim: Claim | None) -> Line:
    tone = "wa"
    title = "A claim without a source" if finding.support == "unsupported" else "A claim only partly in its source"
    quoted = (f"“{_short(claim.text)}”",) if claim else ()
    return Line(
        tone,
        "question" if finding.support == "unsupported" else "risk",
        title,
        (*quoted, *finding.reasons),
        claim.path if claim else "",
    )


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _quotes(facts: Iterable[Fact]) -> tuple[Quote, ...]:
    return tuple(Quote(fact.id, _short(fact.quote, 400), label(str(fact.key))) for fact in facts)


def _host(address: str) -> str:
    return urlsplit(address).hostname or address if "://" in address else address


def _icon(sentence: str) -> str:
    low = sentence.lower()
    return next((icon for needles, icon in _FOLLOWS if low.startswith(needles)), "dot")


__all__ = ["Claim", "Evidence", "Line", "Source", "checks", "claims", "evidence", "follows", "gist", "link"]
