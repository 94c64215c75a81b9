"""Whom the research is about, settled once, and which of the pages read are about them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from agents.documents import EntityRef, FactKey, Prospect
from agents.research.candidates import Candidate, folded, words_of
from agents.research.contacts import host_of
from agents.research.naming import form_of, without_form
from agents.research.pages import ReadPage
from agents.research.placeholders import is_placeholder
from agents.research.structured import Organisation, Structured
from agents.research.suspicion import passes_for

Match = Literal["match", "other", "unknown"]

_SECOND_LEVEL = frozenset(
    {"co", "com", "org", "net", "gov", "ac", "edu", "gob", "gouv", "or", "ne", "ltd", "plc", "nom"}
)
_PLATFORMS = re.compile(
    r"(?:^|\.)(?:github\.io|githubusercontent\.com|github\.com|gitlab\.io|netlify\.app|vercel\.app"
    r"|pages\.dev|herokuapp\.com|web\.app|firebaseapp\.com|blogspot\.\w+|wordpress\.com"
    r"|wixsite\.com|webflow\.io|archive\.org|googleusercontent\.com|cloudfront\.net|amazonaws\.com"
    r"|azurewebsites\.net|surge\.sh|localhost)$"
)
_FREE_MAIL = re.compile(
    r"^(?:gmail|googlemail|outlook|hotmail|live|yahoo|ymail|icloud|me|mac|gmx|web|t-online|freenet"
    r"|aol|proton|protonmail|posteo|mailbox|orange|wanadoo|free|laposte|sfr|telefonica|zoho"
    r"|mail)\."
)
_GENERIC = frozenset(
    [
        "the",
        "and",
        "und",
        "et",
        "y",
        "of",
        "de",
        "group",
        "gruppe",
        "groupe",
        "grupo",
        "holding",
        "company",
        "co",
        "inc",
        "ltd",
        "gmbh",
        "ag",
        "kg",
        "se",
        "sa",
        "sl",
        "sas",
        "sarl",
        "llc",
        "international",
        "global",
        "services",
        "service",
        "solutions",
        "systems",
        "technologies",
        "technology",
        "tech",
        "industries",
        "consulting",
        "studio",
        "studios",
        "digital",
        "software",
    ]
)


@dataclass
class Reading:
    """One page that was read, with what its rules proposed before anybody knew whom it is about."""

    page: ReadPage
    origin: str
    structured: Structured
    names: list[Candidate]
    addresses: list[Candidate]
    candidates: list[Candidate] = field(default_factory=list)
    match: Match = "unknown"
    why: str = ""

    @property
    def stated_hosts(self) -> list[str]:
        """Hosts the page gives as its own, most telling first."""
        hosts = [host_of(candidate.value) for candidate in self.addresses]
        hosts += [o.host for o in self.structured.organisations if o.top and o.host]
        return [
            host
            for host in dict.fromkeys(hosts)
            if "." in host and not is_placeholder(FactKey.WEBSITE, f"https://{host}/")
        ]

    @property
    def own_names(self) -> list[Candidate]:
        """Names the page gives its owner, structured data first."""
        tops = [c for o in self.structured.organisations if o.top for c in o.candidates if c.key is FactKey.NAME]
        found = [*tops, *self.structured.site_names, *self.names]
        return [c for c in found if not is_placeholder(FactKey.NAME, c.value) and len(c.value) <= 120]


def registrable(host: str) -> str:
    """The part of a host one registers: `halden.example` of `www.halden.example`; a rule of thumb, no list."""
    labels = host.lower().strip(".").split(".")
    if len(labels) <= 2 or host.replace(".", "").isdigit():
        return host
    count = 3 if labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2 else 2
    return ".".join(labels[-count:])


def on_platform(host: str) -> bool:
    """Whether a host serves the sites of many, so that it tells nothing of whose a page is."""
    return _PLATFORMS.search(host) is not None


def label_of(domain: str) -> str:
    """The telling label of a domain: `halden` of `halden.example`."""
    return folded(registrable(domain).split(".")[0])


def resolve(prospect: Prospect, readings: list[Reading], target_host: str) -> EntityRef:
    """The company, from what the caller said first, then from what the pages agree on."""
    domain = _domain(prospect, readings, target_host)
    name = (prospect.name or "").strip() or _voted(readings, domain) or _fallback(prospect, domain)
    aliases = [
        c.value
        for r in readings
        for c in r.own_names
        if c.confidence >= 0.8 and similar(c.value, name) and c.value != name
    ]
    aliases += [
        alias
        for r in readings
        for o in r.structured.organisations
        if similar(o.name, name)
        for alias in o.names[1:]
        if not is_placeholder(FactKey.NAME, alias) and len(alias) < 120 and alias != name
    ]
    return EntityRef(name=name[:500], domain=domain or None, aliases=tuple(dict.fromkeys(aliases))[:6])


def _domain(prospect: Prospect, readings: list[Reading], target_host: str) -> str:
    for host in (target_host, host_of(prospect.source_url or "")):
        if "." in host and not on_platform(host):
            return registrable(host)
    votes: dict[str, float] = defaultdict(float)
    for reading in readings:
        for host in reading.stated_hosts[:3]:
            if not on_platform(host):
                votes[registrable(host)] += 1
        for candidate in reading.candidates:
            if (
                candidate.key is FactKey.EMAIL
                and "@" in candidate.value
                and not is_placeholder(FactKey.EMAIL, candidate.value)
            ):
                host = candidate.value.rsplit("@", 1)[1].lower()
                if not _FREE_MAIL.match(host):
                    votes[registrable(host)] += 0.4
            elif candidate.key is FactKey.WEBSITE and _is_named(host_of(candidate.value), reading, prospect):
                votes[registrable(host_of(candidate.value))] += 0.6
    if prospect.name:
        wanted = {word for word in words_of(without_form(prospect.name)) if word not in _GENERIC}
        related = {host: n for host, n in votes.items() if any(word in label_of(host) for word in wanted)}
        votes = related or ({} if len(votes) > 1 else votes)
    return max(sorted(votes), key=lambda host: votes[host]) if votes else ""


def _is_named(host: str, reading: Reading, prospect: Prospect) -> bool:
    """Whether a host carries a telling word of the company's name, asked for or given by the page."""
    given = [prospect.name] if prospect.name else [c.value for c in reading.own_names[:6]]
    words = {word for name in given for word in words_of(without_form(name)) if word not in _GENERIC and len(word) > 3}
    return "." in host and not on_platform(host) and any(word in label_of(host) for word in words)


def _voted(readings: list[Reading], domain: str) -> str:
    votes: dict[str, float] = defaultdict(float)
    shown: dict[str, tuple[float, str]] = {}
    label = _loose(label_of(domain)) if domain else ""
    for reading in readings:
        counted: set[tuple[str, str]] = set()
        for candidate in reading.own_names:
            short = without_form(candidate.value)
            key = _loose(short)
            if not key or (key, candidate.method) in counted:
                continue
            counted.add((key, candidate.method))
            votes[key] += candidate.confidence + (0.5 if label and (key in label or label in key) else 0)
            if candidate.confidence > shown.get(key, (0.0, ""))[0]:
                shown[key] = (candidate.confidence, short)
        for candidate in [c for c in reading.candidates if c.key is FactKey.LEGAL_NAME][:6]:
            short = without_form(candidate.value)
            key = _loose(short)
            if key and (key in votes or (label and (key in label or label in key))) and (key, "legal") not in counted:
                counted.add((key, "legal"))
                votes[key] += 0.5
                shown.setdefault(key, (0.4, short))
    if not votes:
        return ""
    for key in votes:  # what others contain is supported by them: "Halden" by "Halden Freight"
        votes[key] += sum(0.2 for other in shown if other != key and (key in other or other in key))
    return shown[max(sorted(votes), key=lambda key: votes[key])][1]


def _fallback(prospect: Prospect, domain: str) -> str:
    if domain:
        return domain
    if prospect.target.startswith("text:"):
        return "Unnamed company"
    return re.split(r"[/\\]", prospect.target.rstrip("/\\"))[-1].rsplit(".", 1)[0] or "Unnamed company"


def similar(left: str, right: str) -> bool:
    """Whether two names may be one company's: the same but for form and spelling, or one the beginning of the other."""
    a, b = without_form(left), without_form(right)
    if not a or not b:
        return False
    if _loose(a) == _loose(b):
        return True
    first, second = (
        [_loose(w) for w in words_of(a) if w not in ("the", "and", "und", "et", "y")],
        [_loose(w) for w in words_of(b) if w not in ("the", "and", "und", "et", "y")],
    )
    if not first or not second:
        return False
    shorter, longer = sorted((first, second), key=len)
    telling = [word for word in shorter if word not in _GENERIC]
    if telling and longer[: len(shorter)] == shorter:
        return True
    return bool(telling) and set(shorter) <= set(longer) and len(shorter) > 1


def _loose(name: str) -> str:
    return folded(
        name.lower()
        .replace("ä", "ae")
        .replace("ö", "oe")
        .replace("ü", "ue")
        .replace("ue", "u")
        .replace("oe", "o")
        .replace("ae", "a")
    )


def judge(reading: Reading, entity: EntityRef, prospect: Prospect, *, from_web: bool, alone: bool) -> None:
    """Say whether a page is about the entity, about another company, or one cannot tell."""
    named = bool(prospect.name)
    own = [c for c in reading.own_names if c.confidence >= 0.55]
    strong = [c for c in own if c.confidence >= 0.8] or own
    agrees = any(similar(c.value, entity.name) for c in own)
    impostor = next((c.value for c in own if passes_for(c.value, entity.name)), None)
    hosts = reading.stated_hosts
    at_home = bool(entity.domain) and registrable(reading.origin) == entity.domain
    if impostor is not None and not at_home:
        _say(reading, "other", f"it calls itself {impostor!r}, which only looks like {entity.name!r}")
    elif from_web:
        _say(reading, "match" if at_home else "unknown", "" if at_home else f"it came from {reading.origin}")
    elif _elsewhere(hosts, entity, prospect, alone=alone) and not (alone and not named):
        _say(reading, "other", f"it belongs to {hosts[0]}, not to {entity.domain}")
    elif agrees and named and (other := _other_form(reading, prospect.name or "", entity)):
        _say(reading, "other", f"it is about {other}, not {prospect.name}")
    elif agrees or (alone and not named):
        _say(reading, "match", "")
    elif strong and (named or not alone) and not _mentions_much(reading, entity):
        at_home_only = at_home and not strong
        _say(reading, "match" if at_home_only else "other", f"it is about {strong[0].value}, not {entity.name}")
    elif at_home or _mentions_much(reading, entity) or (alone and not strong) or _hosted(hosts, entity):
        _say(reading, "match", "")
    else:
        _say(reading, "unknown", "it does not say whom it is about")


def _say(reading: Reading, match: Match, why: str) -> None:
    reading.match, reading.why = match, why if match != "match" else ""


def _hosted(hosts: list[str], entity: EntityRef) -> bool:
    return bool(entity.domain) and any(registrable(host) == entity.domain for host in hosts)


def _elsewhere(hosts: list[str], entity: EntityRef, prospect: Prospect, *, alone: bool) -> bool:
    """Whether the page gives another domain than the known one; another ending of the same label is the same."""
    known = bool(prospect.source_url) or not alone
    real = [host for host in hosts if not on_platform(host)]
    if not entity.domain or not known or not real:
        return False
    return all(label_of(host) != label_of(entity.domain) for host in real)


def _other_form(reading: Reading, wanted: str, entity: EntityRef) -> str:
    """The page's legal name, where its form is another than that of the name asked for and never the same."""
    form = form_of(wanted)
    if not form:
        return ""
    legal = [
        c.value
        for c in [*reading.own_names, *reading.candidates]
        if c.key in (FactKey.NAME, FactKey.LEGAL_NAME) and form_of(c.value) and similar(c.value, entity.name)
    ]
    return legal[0] if legal and all(form_of(name) != form for name in legal) else ""


def _mentions_much(reading: Reading, entity: EntityRef) -> bool:
    """Whether the page names the company in its title or again and again, more than it names its owner."""
    name = without_form(entity.name).casefold()
    if len(name) < 3:
        return False
    strong = [c for c in reading.own_names if c.confidence >= 0.8]
    if name in reading.page.title.casefold() and not strong:
        return True
    if any(o.name for o in reading.structured.organisations if o.top):
        return False
    return reading.page.text.casefold().count(name) >= 3 and not strong


def belongs(organisation: Organisation, entity: EntityRef, *, several: bool) -> bool:
    """Whether an organisation that structured data describes is the entity."""
    if not organisation.top:
        return False
    named = [name for name in organisation.names if name]
    if named and any(
        similar(name, entity.name) or any(similar(name, alias) for alias in entity.aliases) for name in named
    ):
        return not (
            organisation.host and entity.domain and several and label_of(organisation.host) != label_of(entity.domain)
        )
    if organisation.host and entity.domain and registrable(organisation.host) == entity.domain:
        return True
    return not named and not several


def own_words(entity: EntityRef) -> frozenset[str]:
    """The telling words of the company's names and domain, folded."""
    words = {
        word
        for name in (entity.name, entity.legal_name or "", *entity.aliases)
        for word in words_of(without_form(name))
        if len(word) > 1 and word not in _GENERIC
    }
    if entity.domain:
        words.add(label_of(entity.domain))
    words.add(folded(without_form(entity.name)))
    return frozenset(words)
