"""What the company is called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey
from agents.research.candidates import Candidate, Part, folded, in_line
from agents.research.labelled import Pair
from agents.research.pages import ReadPage
from agents.research.placeholders import is_placeholder
from agents.research.sentences import about_somebody_else, sentences_of

FORM = (
    r"(?:GmbH\s?&\s?Co\.?\s?(?:KGaA|KG|OHG)|gGmbH|GmbH|mbH|UG(?: \(haftungsbeschränkt\))?|AG|KGaA"
    r"|KG|OHG|GbR|e\.\s?K\.|eG|SE|Ltd\.?|Limited|LLP|L\.L\.C\.|LLC|Inc\.?|Incorporated|Corp\.?"
    r"|Corporation|PLC|plc|Pty\.? Ltd\.?|CIC"
    r"|S\.A\.S\.U?\.?|SASU|SAS|SARL|S\.A\.R\.L\.?|EURL|SNC|SCOP|S\.\s?A\.(?: de C\.V\.)?"
    r"|S\.L\.U\.?|S\.L\.N\.E\.?|S\.\s?L\.?|SLU|SL|SA|S\.Coop\.?|S\.r\.l\.?|S\.p\.A\.?|B\.V\.|BV"
    r"|N\.V\.|NV|AB|ASA|AS|A/S|ApS|Oy(?:j)?|Sp\. z o\.o\.|s\.r\.o\.|Kft\.?)"
)
_NAME_WORD = r"(?:[A-ZÄÖÜÉÈÁÍÓÚÑØÅŁ0-9][\w&'’.+À-ž-]*)"
LEGAL = re.compile(
    r"(?<![\w-])(?P<name>"
    + _NAME_WORD
    + r"(?:,?\s(?:&|and|und|et|y|of|de|des|du|di|von|van|der|den|ter|ten|la|le|los|las|del|da|do|dos|'[st]|"
    + _NAME_WORD
    + r")){0,6}?,?\s"
    + FORM
    + r")(?![\w-])"
)
_COPYRIGHT = re.compile(
    r"(?:©|\(c\)|&copy;|\bcopyright\b)\s*(?:©|\(c\))?\s*(?:(?:19|20)\d\d(?:\s?[-–—/,]\s?(?:(?:19"
    r"|20)?\d\d|present|today|heute))?)?[\s,.:|–-]*(?:by |bei |par |por )?(?P<name>[^\n"
    r"|©•·–—]{2,80})",
    re.IGNORECASE,
)
_AFTER_NAME = re.compile(
    r"[.,;|]?\s*(?:(?:19|20)\d\d.*$|all rights.*$|alle rechte.*$|tous droits.*$|todos los derechos.*$"
    r"|powered by.*$|designed by.*$|made (?:with|by|in).*$|built .*$|website by.*$|proudly .*$"
    r"|created (?:with|by).*$|(?:hosted|developed|crafted|site) by.*$|web(?:site|design|seite)\b.*$"
    r"|réalis(?:é|ation).*$|umsetzung.*$|diseño.*$|realizzazione.*$|theme .*$|registered .*$"
    r"|company (?:no|number|reg).*$|vat .*$|privacy.*$|terms.*$|impressum.*$|imprint.*$|inc\. all.*$)",
    re.IGNORECASE,
)
_TITLE_SPLIT = re.compile(r"\s+[|–—·•»:/-]+\s+|\s*[|»]\s*|:\s+")
PAGE_WORDS = re.compile(
    r"(?:home ?page|home|start(?:seite)?|welcome(?: to)?|willkommen(?: bei)?|about(?: us)?"
    r"|contact(?: us)?|kontakt|über uns|impressum|imprint|unternehmen|company|news|careers?|jobs"
    r"|karriere|products?|services?|accueil|bienvenue|à propos|contact|nous contacter"
    r"|mentions légales|inicio|bienvenid[oa]s?|quiénes somos|nosotros|contacto|aviso legal"
    r"|official (?:site|website)|offizielle website|site officiel|team|blog|overview|who we are"
    r"|our story)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:The |Die |Der |Das |La |Le |L['’]|El |At )?(?P<name>" + _NAME_WORD
    + r"(?:\s(?:&|and|und|et|y|of|de|du|des|" + _NAME_WORD + r")){0,5}?(?:,?\s" + FORM + r")?),?\s"
    r"(?:is|are|was|has|makes?|builds?|designs?|develops?|provides?|offers?|helps?|sells?|supplies"
    r"|delivers?|manufactures?|produces?|runs?|operates?|moves?" r"|ist|sind|wurde|bietet|entwickelt"
    r"|fertigt|baut|plant|liefert|produziert|betreibt"
    r"|est|a été|conçoit|fabrique|propose|développe|produit|es|fue|fabrica|ofrece|diseña|desarrolla|produce)\s"
)  # fmt: skip
_PRONOUN = re.compile(
    r"(?:We|Our|It|He|She|They|This|That|There|What|Who|Here|Wir|Unser\w*|Es|Er|Sie|Ihr\w*|Nous"
    r"|Notre|Vous|Il|Elle|Ce|Nuestr\w*|Somos|Esta|Este|Your|You|Every|All|In|At|Since|Seit|Depuis"
    r"|Desde|With|Mit|Today|Heute|Founded|Welcome)\b"
)


def names(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Names the page gives itself, each with how far its place can be trusted."""
    for meta in ("og:site_name", "application-name", "apple-mobile-web-app-title"):
        if (tag := page.metas.get(meta)) is not None:
            content = tag.attributes["content"]
            yield Candidate(
                FactKey.NAME, content.value.strip(), "markup", content.start, content.end, "opengraph", 0.85
            )
    for line in page.lines:
        if line.excluded or not ("©" in line.text or "opyright" in line.text or "(c)" in line.text.lower()):
            continue
        if (match := _COPYRIGHT.search(line.text[:400])) is not None:
            name = _AFTER_NAME.sub("", match["name"]).strip(" .,;:|-–")
            if (
                2 <= len(name) <= 60
                and len(name.split()) <= 8
                and not re.match(r"(?i)all rights|(?:19|20)\d\d|the contents|and\b|alle rechte", name)
            ):
                at = match.start("name") + match["name"].find(name)
                yield in_line(line, FactKey.NAME, name, (at, at + len(name)), 0.8)
    for segment, confidence in title_segments(page):
        place = _title_place(page, segment)
        if place is not None:
            yield Candidate(FactKey.NAME, segment, *place, "rule", confidence)
    yield from _subject(page)
    first = next((line for line in page.lines if line.level == 1 and not line.excluded), None)
    if first is not None:
        words = re.sub(
            r"(?i)^(?:welcome to|willkommen (?:bei|im|in|auf)(?: der| dem)?|bienvenue (?:chez|à)|bienvenid[oa]s? a"
            r"|about|über|careers? at|jobs? at|karriere bei|contact|impressum(?: der)?)\s+",
            "",
            first.text,
        ).strip(" .!")
        at = first.text.find(words)
        if 2 <= len(words) <= 50 and len(words.split()) <= 5 and not PAGE_WORDS.fullmatch(words):
            yield in_line(first, FactKey.NAME, words, (at, at + len(words)), 0.5)


def _subject(page: ReadPage) -> Iterator[Candidate]:
    """What the first telling sentences of a page begin with, where it reads like a name."""
    found = 0
    for line in page.lines[:30]:
        if line.excluded or line.quoted or line.region in ("nav", "footer") or found >= 2 or len(line.text) < 25:
            continue
        if about_somebody_else(next(sentences_of(line, -1)).text):
            continue
        if (match := _SUBJECT.match(line.text)) is not None and not _PRONOUN.match(match["name"]):
            found += 1
            name = match["name"].strip(" ,")
            yield in_line(line, FactKey.NAME, name, (match.start("name"), match.start("name") + len(name)), 0.45)


def title_segments(page: ReadPage) -> Iterator[tuple[str, float]]:
    """The parts of the title that could be a name: the ones the page repeats count most."""
    segments = [part.strip(" .,") for part in _TITLE_SPLIT.split(page.title) if part.strip()]
    if (meta := page.metas.get("og:title")) is not None:
        segments += [part.strip(" .,") for part in _TITLE_SPLIT.split(meta.get("content")[:300]) if part.strip()]
    segments += [match[1] for part in segments if (match := re.match(r"(.{2,40}?),\s", part))]
    body = page.text.casefold()
    for part in segments:
        name = re.sub(
            r"(?i)^(?:welcome to|willkommen (?:bei|im|in|auf)(?: der| dem)?|bienvenue chez|bienvenid[oa]s? a|about"
            r"|über|contact|kontakt|careers at|impressum)\s+",
            "",
            part,
        )
        if (
            PAGE_WORDS.fullmatch(name)
            or not 2 <= len(name) <= 60
            or len(name.split()) > 6
            or is_placeholder(FactKey.NAME, name)
        ):
            continue
        repeated = body.count(name.casefold())
        yield name, min(0.75, 0.45 + 0.1 * repeated + (0.1 if len(name.split()) <= 3 else 0))


def _title_place(page: ReadPage, segment: str) -> tuple[Part, int, int] | None:
    at = page.text.find(segment)
    if at >= 0:
        return "text", at, at + len(segment)
    tag = next((tag for tag in page.tags if tag.name == "title" and tag.inner), None)
    if tag is None or tag.inner is None:
        return None
    at = page.markup.find(segment, *tag.inner)
    return ("markup", at, at + len(segment)) if at >= 0 else None


def legal_names(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Names with a legal form; whose they are is decided once the company is known."""
    for pair in pairs:
        if pair.key is FactKey.LEGAL_NAME and 3 <= len(pair.value) <= 100 and "\n" not in pair.value:
            yield Candidate(FactKey.LEGAL_NAME, pair.value.strip(" ."), "text", pair.start, pair.end, "rule", 0.9)
    for line in page.lines:
        if line.excluded or line.quoted:
            continue
        apart = [(s.at, s.at + len(s.text)) for s in sentences_of(line, -1) if about_somebody_else(s.text)]
        for match in LEGAL.finditer(line.text[:3_000]):
            if any(start <= match.start() < end for start, end in apart):
                continue
            name = re.sub(
                r"^(?:(?:The|Die|Der|Das|La|Le|El|By|At|In|Copyright|Impressum|Imprint|From|Welcome|About|\d{4})\s)+",
                "",
                match["name"],
            )
            start = match.end("name") - len(name)
            yield in_line(line, FactKey.LEGAL_NAME, name, (start, match.end("name")), 0.8)


def without_form(name: str) -> str:
    """A name without its legal form."""
    return re.sub(r",?\s+" + FORM + r"$", "", name.strip()).strip(" ,") or name.strip()


def form_of(name: str) -> str:
    """The legal form at the end of a name, folded; an empty string where there is none."""
    match = re.search(r"\s(" + FORM + r")$", name.strip())
    return folded(match[1]).replace("limited", "ltd").replace("incorporated", "inc") if match else ""
