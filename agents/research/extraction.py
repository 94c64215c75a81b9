"""Runs every rule over one page."""

from __future__ import annotations

import re
from dataclasses import replace

from agents.documents import EntityRef, FactKey, Flag
from agents.ports import Page
from agents.research.candidates import Candidate, preferring_text, words_of
from agents.research.contacts import contacts, host_of
from agents.research.credentials import credentials
from agents.research.decoding import decode
from agents.research.descriptions import descriptions, tagline
from agents.research.figures import figures
from agents.research.founding import founding, founding_in_meta
from agents.research.identity import Reading, belongs, on_platform, own_words, similar
from agents.research.labelled import pairs
from agents.research.naming import form_of, legal_names, names, without_form
from agents.research.news import news
from agents.research.offerings import offerings
from agents.research.pages import ReadPage
from agents.research.people import people
from agents.research.plain_text import read_text
from agents.research.sections import set_aside, tells_of_a_customer
from agents.research.structured import page_addresses, structured
from agents.research.suspicion import is_instruction, look_alikes, quarantine
from agents.research.walking import read_html

_WEBSITE = re.compile(
    r"(?<![\w@./-])(?:https?://)?(?:www\.)[a-z0-9-]+(?:\.[a-z0-9-]+){1,3}(?:/[\w/-]*)?"
    r"|(?<![\w@.])https?://[a-z0-9.-]+\.[a-z]{2,}(?:/[\w/-]*)?",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"impressum|imprint|legal notice|mentions légales|aviso legal|registered|angaben gemäß"
    r"|company information|about|©|\(c\)|copyright|registergericht|anbieter|herausgeber|éditeur"
    r"|responsable|titular",
    re.IGNORECASE,
)


def read_page(page: Page) -> tuple[ReadPage, str]:
    """The page with its lines, and the charset it was decoded in."""
    markup, charset = decode(page.body, page.charset)
    if page.media_type in ("text/plain", "text/markdown"):
        return read_text(markup, page.address, truncated=page.truncated), charset
    read = read_html(markup, page.address, truncated=page.truncated)
    read.truncated = read.truncated or _cut_off(markup)
    return read, charset


def _cut_off(markup: str) -> bool:
    """Whether the source ends in the middle of a tag, a comment or a script."""
    tail = markup[-3_000:]
    if re.search(r"<[a-zA-Z/][^<>]*$", tail) and not tail.rstrip().endswith(">"):
        return True
    if markup.count("<!--") > markup.count("-->") and "<!--" in tail:
        return True
    lowered = tail.lower()
    opened = "<html" in markup[:2_000].lower()
    return opened and "</html" not in lowered and "</body" not in lowered and not tail.rstrip().endswith(">")


def first_look(read: ReadPage, origin: str, where: str) -> tuple[Reading, list[Flag]]:
    """What can be said of a page before one knows whom it is about: instructions set aside, names, contacts."""
    told = structured(read)
    flags = quarantine(read, told.strings, where)
    set_aside(read)
    for organisation in told.organisations:
        organisation.candidates = [c for c in organisation.candidates if not is_instruction(c.value)]
    told.entries = [c for c in told.entries if not is_instruction(c.value)]
    labelled = list(pairs(read))
    reading = Reading(
        read, origin, told, [c for c in names(read, labelled) if not is_instruction(c.value)], page_addresses(read)
    )
    reading.candidates = list(contacts(read, labelled)) + list(legal_names(read, labelled))
    reading.candidates += [
        Candidate(FactKey.WEBSITE, pair.value.split()[0], "text", pair.value_start, pair.end, "rule", 0.8)
        for pair in labelled
        if pair.key is FactKey.WEBSITE and _WEBSITE.match(pair.value)
    ]
    if odd := look_alikes(" ".join((read.title, read.text))):
        listed = ", ".join(repr(word) for word in odd[:5])
        flags.append(
            Flag(
                code="look_alike_letters",
                message=f"{where} mixes letters of several alphabets that look alike: {listed}.",
                severity="high",
            )
        )
    if read.truncated:
        flags.append(
            Flag(code="truncated_page", message=f"{where} is cut off or was read only in part; facts may be missing.")
        )
    if read.hidden_characters >= 40:
        flags.append(
            Flag(
                code="hidden_text",
                message=(
                    f"{where} holds {read.hidden_characters} characters that a reader does not see; they were left out."
                ),
                severity="info",
            )
        )
    return reading, flags


def extract(reading: Reading, entity: EntityRef) -> list[Candidate]:
    """Every candidate of a page that is about the entity, structured data first, in the order of the page."""
    page, told = reading.page, reading.structured
    own = own_words(entity)
    labelled = list(pairs(page))
    found: list[Candidate] = []
    tops = [o for o in told.organisations if o.top]
    for organisation in told.organisations:
        if belongs(organisation, entity, several=len({o.name for o in tops if o.name}) > 1):
            found.extend(organisation.candidates)
    found.extend(c for c in told.entries if not c.about or similar(c.about, entity.name))
    found.extend(c for c in (*told.site_names, *reading.names) if similar(c.value, entity.name))
    found.extend(_legal(reading, entity, own))
    found.extend(c for c in reading.candidates if c.key not in (FactKey.LEGAL_NAME, FactKey.WEBSITE))
    found.extend(replace(c, key=FactKey.LEGAL_NAME) for c in found if c.key is FactKey.NAME and form_of(c.value))
    found.extend(descriptions(page, labelled, own))
    found.extend(tagline(page))
    found.extend(founding(page, labelled, own))
    found.extend(founding_in_meta(page, own))
    found.extend(figures(page, labelled, own))
    found.extend(offerings(page, labelled))
    found.extend(people(page, labelled))
    found.extend(credentials(page))
    found.extend(news(page))
    found.extend(_websites(reading, entity))
    if tells_of_a_customer(page):
        found = [c for c in found if c.key not in _OF_ONE or _names_us(page, c, own)]
    return [_rooted(preferring_text(page, c)) for c in found if not is_instruction(c.value)]


# What a case study tells of the customer first, and of its author only by name.
_OF_ONE = frozenset({FactKey.FOUNDED, FactKey.EMPLOYEES, FactKey.REVENUE, FactKey.LOCATION, FactKey.CONTACT_PERSON})


def _names_us(page: ReadPage, candidate: Candidate, own: frozenset[str]) -> bool:
    """Whether the company's name stands in the line a candidate was read from, or it is no line of the text."""
    if candidate.part != "text":
        return True
    line = next((line for line in page.lines if line.start <= candidate.start < line.end), None)
    return line is None or line.region == "footer" or bool(own & set(words_of(line.text[:600])))


def _rooted(candidate: Candidate) -> Candidate:
    """A website is its root, whichever of its pages was quoted; on a platform the path says whose it is."""
    host = host_of(candidate.value)
    if candidate.key is not FactKey.WEBSITE or not host or on_platform(host):
        return candidate
    scheme, mark, rest = candidate.value.rpartition("//")
    root = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return replace(candidate, value=f"{scheme}//{root}/" if mark else root)


def _legal(reading: Reading, entity: EntityRef, own: frozenset[str]) -> list[Candidate]:
    """Legal names that are the company's: they share its words, or stand where a page names its owner."""
    kept: list[Candidate] = []
    for candidate in reading.candidates:
        if candidate.key is not FactKey.LEGAL_NAME:
            continue
        if similar(candidate.value, entity.name) or any(similar(candidate.value, alias) for alias in entity.aliases):
            kept.append(candidate)
            continue
        if candidate.part != "text":
            continue
        index = next((n for n, line in enumerate(reading.page.lines) if line.start <= candidate.start < line.end), -1)
        if index < 0:
            continue
        around = " ".join(
            (
                reading.page.heading_of(index)[:80],
                reading.page.lines[index].text[:60] if reading.page.lines[index].region == "footer" else "",
            )
        )
        labelled = candidate.end - candidate.start > len(candidate.value) + 2
        if (labelled and form_of(candidate.value)) or (
            _OWN.search(around) and not kept and form_of(candidate.value) and len(candidate.value) < 70
        ):
            kept.append(candidate)
    return kept


def _websites(reading: Reading, entity: EntityRef) -> list[Candidate]:
    """Addresses of the company's own site, on the page or in its links to itself."""
    own = entity.domain or ""
    found = [c for c in reading.addresses if own and host_of(c.value).endswith(own)]
    if not own:
        return found
    for line in reading.page.lines:
        if not line.excluded and "." in line.text and own in line.text.lower():
            for match in _WEBSITE.finditer(line.text[:2_000]):
                if host_of(match[0]).endswith(own):
                    start, end = line.start + match.start(), line.start + match.end()
                    found += [Candidate(FactKey.WEBSITE, match[0], "text", start, end, "rule", 0.85)]
    return found


def legal_name(candidates: list[Candidate], entity: EntityRef) -> str | None:
    """The name with its legal form that is best supported."""
    legal = [c for c in candidates if c.key is FactKey.LEGAL_NAME]
    named = [c for c in candidates if c.key is FactKey.NAME and form_of(c.value) and similar(c.value, entity.name)]
    ranked = sorted(
        [*legal, *named],
        key=lambda c: (-(c.confidence + (0.1 if similar(without_form(c.value), entity.name) else 0)), -len(c.value)),
    )
    return ranked[0].value[:500] if ranked else None
