"""Keeps whoever asked not to be approached out of research, drafts and the CRM.

The list holds digests alone, so that it survives the erasure of what it is about: the sha256 of an e-mail address or a
domain in its one spelling. A domain stands for every host below it and every address at it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from agents.changes import AddNote, Associate, Change, Create, SetField
from agents.documents import Brief, CrmUpdate, Draft, EntityRef, Flag, Prospect
from agents.errors import Suppressed, SuppressionInvalid
from agents.ports import SuppressionList
from agents.research.targets import web_address

_EMAIL = re.compile(r"[^\s<>()\[\],;:“”\"'|]+@[^\s<>()\[\],;:@“”\"'|/]+\.[^\s<>()\[\],;:@“”\"'|/.]+", re.UNICODE)
_HOST = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$")


class Subject(NamedTuple):
    """Somebody in the one spelling of which the digest is taken."""

    kind: Literal["email", "domain"]
    text: str

    @property
    def sha256(self) -> str:
        """What stands on the list."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


def subject_of(text: str) -> Subject:
    """An e-mail address or a domain as people write them, in its one spelling.

    Raises:
        SuppressionInvalid: it is neither.
    """
    plain = text.strip().casefold().removeprefix("mailto:")
    if "@" in plain:
        local, _, domain = plain.rpartition("@")
        host = _host(domain)
        if local and host:
            return Subject("email", f"{local}@{host}")
    else:
        host = _host(urlsplit(plain if "://" in plain else f"//{plain}").hostname or "")
        if host:
            return Subject("domain", host.removeprefix("www."))
    raise SuppressionInvalid(f"{text!r} is neither an e-mail address nor a domain, such as halden.example.")


def check_prospect(prospect: Prospect, suppressed: SuppressionList) -> None:
    """Nothing, if this prospect may be researched, as far as the prospect alone tells whom it is.

    Raises:
        Suppressed: their domain is on the list.
    """
    for address in (web_address(prospect.target), prospect.source_url):
        if host := urlsplit(address or "").hostname:
            _check(host, suppressed)


def check_company(entity: EntityRef, suppressed: SuppressionList) -> None:
    """Nothing, if this company may be approached.

    Raises:
        Suppressed: its domain is on the list.
    """
    if entity.domain:
        _check(entity.domain, suppressed)


def without_people(brief: Brief, suppressed: SuppressionList) -> Brief:
    """The brief without the facts that name somebody on the list."""
    facts = tuple(fact for fact in brief.facts if not names_somebody(f"{fact.value} {fact.quote}", suppressed))
    return brief if len(facts) == len(brief.facts) else brief.model_copy(update={"facts": facts})


def checked_research(draft: Draft[Brief], suppressed: SuppressionList) -> Draft[Brief]:
    """What research found, without the people on the list, and with a flag that says so.

    Raises:
        Suppressed: the company is on the list.
    """
    check_company(draft.document.entity, suppressed)
    brief = without_people(draft.document, suppressed)
    left = len(draft.document.facts) - len(brief.facts)
    if not left:
        return draft
    told = "One fact is" if left == 1 else f"{left} facts are"
    message = f"{told} left out, for somebody in the quote is on the suppression list."
    flag = Flag(code="suppressed", message=message, severity="info")
    kept = {fact.id for fact in brief.facts}
    return draft.model_copy(
        update={
            "document": brief,
            "facts": tuple(fact for fact in draft.facts if fact.id in kept),
            "flags": (*draft.flags, flag),
        }
    )


def left_out(update: CrmUpdate, suppressed: SuppressionList) -> dict[int, str]:
    """The changes of an update that are about somebody on the list, as index -> sentence.

    Raises:
        Suppressed: the company that all of it is about is on the list.
    """
    check_company(update.entity, suppressed)
    return {
        index: "somebody in it is on the suppression list"
        for index, change in enumerate(update.changes)
        if any(names_somebody(text, suppressed) for text in _texts(change))
    }


def names_somebody(text: str, suppressed: SuppressionList) -> bool:
    """Whether a text holds an address that is on the list, or one at a domain that is."""
    return any(suppressed.find(digests(email)) for email in _EMAIL.findall(text))


def adds(update: CrmUpdate) -> bool:
    """Whether an update puts something into the CRM; one that only takes back what was there approaches nobody."""
    return any(change.apply and isinstance(change, Create | AddNote | Associate) for change in update.changes)


def _texts(change: Change) -> Iterator[str]:
    if isinstance(change, Create | SetField | AddNote | Associate):
        yield change.key.removeprefix("ct:")
    if isinstance(change, Create):
        yield from change.fields.values()
    elif isinstance(change, SetField):
        yield change.after
    elif isinstance(change, AddNote):
        yield from (change.about.removeprefix("ct:"), change.body)
    elif isinstance(change, Associate):
        yield change.to_key.removeprefix("ct:")


def _check(host: str, suppressed: SuppressionList) -> None:
    found = suppressed.find(digests(host))
    if found is not None:
        why = f": {found.reason}" if found.reason else ""
        raise Suppressed(f"{host} is on the suppression list since {found.at:%Y-%m-%d}{why}. Nobody is approached.")


def digests(text: str) -> Sequence[str]:
    """All digests under which somebody may be listed: the address, its host, and every domain above that."""
    try:
        subject = subject_of(text)
    except SuppressionInvalid:
        return ()
    host = subject.text.rpartition("@")[2]
    labels = host.split(".")
    above = [Subject("domain", ".".join(labels[start:])) for start in range(len(labels) - 1)]
    return [one.sha256 for one in (subject, *above)]


def _host(text: str) -> str:
    host = text.strip().strip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    return host if _HOST.fullmatch(host) else ""
