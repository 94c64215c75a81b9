"""What stands below a telling heading or behind a telling phrase: products, services, customers, places, jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey as K
from agents.research.candidates import Candidate, in_line
from agents.research.labelled import Pair
from agents.research.pages import Line, Link, ReadPage
from agents.research.people import NOT_PERSON, PERSON
from agents.research.sentences import about_somebody_else, sentences
from agents.research.vocabulary import GENDERED, heading_key, is_closing, label_key

MAX_ENTRIES = 40
_LISTED = frozenset({K.PRODUCT, K.SERVICE, K.CUSTOMER, K.PARTNER, K.LOCATION, K.JOB})
_NAV = re.compile(r"^(?:home|about(?: us)?|contact(?: us)?|blog|news|login" r"|log in|sign (?:in|up)|menu"
    r"|read more|learn more|more|see (?:all|more)|view (?:all|more" r"|details|jobs?)|details"
    r"|apply(?: now)?|get (?:started|in touch|a quote)" r"|request .{0,20}|book .{0,20}"
    r"|download.{0,20}|mehr(?: erfahren| lesen)?|weiterlesen" r"|jetzt bewerben|bewerben"
    r"|zum .{0,20}|en savoir plus|lire la suite|voir .{0,20}" r"|postuler|leer más|ver más"
    r"|ver .{0,15}|saber más|solicitar|subscribe|search|share|next" r"|previous|back|top"
    r"|privacy.*|imprint|impressum|datenschutz|follow us.*" r"|all rights.*|©.*|\W*)$", re.IGNORECASE)  # fmt: skip
_SPLIT = re.compile(
    r",\s+(?:and|und|et|y|sowie|&)\s+|,\s+|\s+(?:and|und|et|y|sowie|e|&)\s+(?=(?:the |der |die "
    r"|das |le |la |les |el |los |las )?[A-ZÄÖÜÉ\d])|;\s+|\s[|•·]\s"
)
_AND_MORE = re.compile(
    r"[,\s]+(?:and|und|et|y|sowie|&)\s(?:many (?:more|others)|more|others|beyond|surrounding \w+"
    r"|viele (?:mehr|weitere|andere)|weitere|andere|bien d['’]autres|d['’]autres|muchos (?:más"
    r"|otros)|otros)\b.*$|[,\s]+(?:u\. ?a\.|u\. ?v\. ?m\.|etc\.?|…|\.\.\.).*$",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s*(?:\((?:m/w/d|w/m/d|m/f/d|f/m/d|m/f/x|m/w/x|h/f|f/h|all genders|gn|a)\)).*$", re.IGNORECASE)
_NO_JOBS = re.compile(
    r"\b(?:no (?:open|current|vacanc)|currently (?:no|not)|keine (?:offenen )?stellen"
    r"|aktuell keine|pas de poste|aucun poste|no hay|none at|not hiring|speculative|initiativ)",
    re.IGNORECASE,
)
_JOBS_ALONE = re.compile(
    r"(?:(?:our|all|open|current|latest|available|unsere|offene|aktuelle|freie|nos|nuestr[ao]s)\s)*(?:job\s)?"
    r"(?:positions?|roles?|jobs?|vacanc(?:y|ies)|openings?|opportunities|careers?|stellen(?:angebote|anzeigen)?|karriere"
    r"|ausbildung(?:splätze)?|postes?(?: à pourvoir| ouverts?)?|offres?(?: d['’]emplois?)?|carrières?|emplois?|empleos?"
    r"|vacantes?|puestos|ofertas(?: de (?:empleo|trabajo))?|departments?|locations?|teams?)"
    r"(?:\s(?:in|at|bei|für|à|en|chez|for|with|near)\s.{2,40})?\W*(?:\(\d+\))?",
    re.IGNORECASE,
)
_PERKS = re.compile(
    r"\b(?:benefits?|salary|holiday|vacation|pension|remote-friendly|free |flexible|discount|fruit"
    r"|coffee|bonus|training budget|apply|send (?:us )?your|your cv|bewerbung|bieten|days)\b",
    re.IGNORECASE,
)
_NAMED = (
    r"(?P<list>(?:(?:the |die |der |das |le |la |les |el |los "
    r"|las )?[A-ZÄÖÜÉ0-9][\w&'’.À-ÿ+-]*(?:[ -](?:of|de|del|della|di|der|des|du|von|van|la|le|&|for"
    r"|[A-ZÄÖÜÉ0-9][\w&'’.À-ÿ+-]*)){0,5}(?:\s?,\s|,?\s(?:and|und|et|y|sowie|as well as|&)\s|$"
    r"|(?=[.;)])|(?=\s[a-zäöü–-])))+)"
)
_PHRASES: tuple[tuple[K, float, re.Pattern[str]], ...] = (
    (K.CUSTOMER, 0.8, re.compile(r"\b(?:[Tt]rusted by|[Cc]ustomers (?:include|such as|like|are"
        r"|:)|[Cc]lients (?:include" r"|such as|like|are|:)|(?:[Cc]lients|[Cc]ustomers) (?:ranging " r"|range )?from"
        r"|[Ww]e (?:supply|serve|work for|have worked for" r"|deliver (?:to|for)|count)|[Uu]sed by"
        r"|[Rr]elied on by|[Cc]hosen by|(?:[Cc]ustomer" r"|[Cc]lient) (?:list|base) includes"
        r"|[Rr]eferences include|[Kk]unden (?:wie|sind|zählen|gehören" r"|:)" r"|[Rr]eferenzkunden sind"
        r"|[Zz]u unseren (?:[Rr]eferenz)?[Kk]unden (?:zählen"
        r"|gehören)(?: unter anderem| u\. a\.| etwa)?|[Ww]ir beliefern" r"|[Vv]ertrauen uns"
        r"|[Cc]lients (?:comme|tels que|:)|[Nn]os clients (?:sont" r"|comptent)"
        r"|[Pp]armi nos clients(?: figurent)?,?" r"|[Nn]ous ont fait confiance :?"
        r"|[Cc]lientes (?:como|son|:|incluyen)" r"|[Ee]ntre nuestros clientes (?:están|figuran" r"|se encuentran)"
        r"|[Cc]onfían en nosotros)\s(?:companies (?:such as|like) "
        r"|brands (?:such as|like) |[a-z]+ (?:such as|like) )?" + _NAMED)),
    (K.PARTNER, 0.8, re.compile(r"\b(?:[Pp]artners (?:include|such as|are|like|:)" r"|[Pp]artner(?:ed|s|ing)? with"
        r"|[Ii]n partnership with|[Ii]n cooperation with" r"|[Tt]ogether with our partners?" r"|[Ww]ork(?:s"
        r"|ing)? (?:closely )?(?:together )?with our partners?"
        r"|[Pp]artner(?:n)? wie|[Pp]artner sind|[Ii]n Kooperation mit" r"|[Pp]artenaires (?:comme"
        r"|tels que|sont|:)|[Ee]n partenariat avec|[Ss]ocios (?:como" r"|son)"
        r"|[Ee]n colaboración con|[Pp]artenaire (?:de|officiel de)" r"|[Aa]uthori[sz]ed (?:dealer"
        r"|reseller|partner) (?:of|for)|[Oo]fficial (?:dealer|partner" r"|distributor) (?:of" r"|for))\s" + _NAMED)),
    (K.LOCATION, 0.8, re.compile(r"\b(?:[Oo]ffices in|[Ll]ocations in|[Bb]ranches in" r"|[Dd]epots in|[Ww]arehouses in"
        r"|[Ss]ites in|[Pp]lants in|[Ss]tandorte(?:n)? in" r"|[Nn]iederlassungen in|[Bb]üros in"
        r"|[Bb]ureaux à|[Aa]gences à|[Ii]mplanté[es]* à|[Oo]ficinas en" r"|[Ss]edes en"
        r"|[Dd]elegaciones en|[Pp]resent in)\s" + _NAMED)),
    (K.LOCATION, 0.78, re.compile(r"\b(?:[Bb]ased in|[Hh]eadquartered in|[Hh]eadquarters (?:is " r"|are )?in"
        r"|[Hh]ead office (?:is )?in|[Ll]ocated in" r"|mit (?:Haupt)?[Ss]itz in"
        r"|[Ss]itz der Gesellschaft:?(?: ist)?|[Ss]itz in" r"|[Hh]auptsitz in|ansässig in"
        r"|[Bb]asée? à|[Ss]iège (?:social )?(?:est )?(?:situé )?à" r"|[Ss]ituée? à|[Ii]nstallée? à"
        r"|[Cc]on sede en|[Ss]ede en|[Uu]bicad[ao]s? en" r"|[Bb]asad[ao] en)\s" + _NAMED)),
)  # fmt: skip


def offerings(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Entries of telling lists, labelled values and phrases."""
    yield from _below_headings(page)
    yield from _pictures(page)
    yield from _tables(page)
    for pair in pairs:
        if pair.key in (K.PRODUCT, K.SERVICE, K.CUSTOMER, K.PARTNER, K.LOCATION) and not page.lines[pair.index].quoted:
            yield from _labelled(page, pair)
    yield from _phrases(page)
    yield from _gendered(page)


def _linked(page: ReadPage) -> dict[int, list[Link]]:
    """Lines that are nothing but several links, and those: a row of vacancies or products."""
    rows: dict[int, list[Link]] = {}
    for link in page.links:
        if link.text and "\n" not in link.text:
            rows.setdefault(link.line, []).append(link)
    return {
        index: links
        for index, links in rows.items()
        if len(links) > 1
        and index < len(page.lines)
        and "".join(link.text for link in links).replace(" ", "") == page.lines[index].text.replace(" ", "")
    }


def _governing(page: ReadPage, index: int) -> tuple[K | None, int]:
    """The key of the nearest heading above that announces one, and that heading's index."""
    for heading in page.headings_above(index):
        words = page.lines[heading].text
        if is_closing(words):
            return None, heading
        if (key := heading_key(words)) is not None:
            return key, heading
        if page.lines[heading].level == 1:
            break
    return None, -1


def _below_headings(page: ReadPage) -> Iterator[Candidate]:
    counts: dict[int, int] = {}
    rows = _linked(page)
    for index, line in enumerate(page.lines):
        if line.excluded or line.region == "nav" or line.quoted or line.row >= 0:
            continue
        key, heading = _governing(page, index)
        if key is None or (key not in _LISTED and key is not K.CONTACT_PERSON) or heading == index:
            continue
        if counts.get(heading, 0) >= MAX_ENTRIES:
            continue
        if (
            key in (K.CUSTOMER, K.PARTNER, K.LOCATION)
            and line.heading == heading
            and not line.level
            and line.tag != "li"
        ):
            listed = list(_in_a_row(line, key))
            if listed:
                yield from listed
                continue
        if index in rows and not line.level and line.heading == heading and key in (K.JOB, K.PRODUCT, K.SERVICE):
            for link in rows[index]:
                if _plausible(link.text, key) and not (key is K.JOB and _NO_JOBS.search(link.text)):
                    span = (link.start - line.start, link.end - line.start)
                    yield in_line(line, key, link.text, span, 0.65)
            continue
        entry = _entry(page, index, heading, key)
        if entry is None:
            continue
        value, span, confidence = entry
        counts[heading] = counts.get(heading, 0) + 1
        yield in_line(line, key, value, span, confidence)


def _in_a_row(line: Line, key: K) -> Iterator[Candidate]:
    """The entries of a paragraph that is nothing but a list of names."""
    if any(kind is key and pattern.search(line.text[:700]) for kind, _, pattern in _PHRASES):
        return  # a sentence that introduces its list, read as one
    text = _AND_MORE.sub("", line.text[:700]).rstrip(" .,")
    pieces = [
        piece.strip(" .,")
        for piece in re.split(_SPLIT.pattern + r"|\s[|•·/–-]\s|\s{2,}", text)
        if piece and piece.strip(" .,")
    ]
    if (
        ":" in text
        or len(pieces) < 2
        or not all(
            _plausible(piece, key) and len(piece.split()) <= 6 and not re.search(r"\d{3}", piece) for piece in pieces
        )
    ):
        return
    cursor = 0
    for piece in pieces:
        at = line.text.find(piece, cursor)
        if at >= 0:
            cursor = at + len(piece)
            yield in_line(
                line, key, re.sub(r"^(?:the|die|der|das|le|la|les|el|los|las)\s", "", piece), (at, cursor), 0.72
            )


def _entry(page: ReadPage, index: int, heading: int, key: K) -> tuple[str, tuple[int, int], float] | None:
    """The name an entry goes by: a sub-heading, the first line of a list item, what stands before its dash."""
    line = page.lines[index]
    text = line.text
    if _NAV.match(text) or len(text) < 2 or (line.region == "footer" and page.lines[heading].region != "footer"):
        return None
    if (
        line.level
        and (named := heading_key(text)) is not None
        and (key is K.JOB or named is key or len(text.split()) < 3)
    ):
        return None  # a heading of its own, for what stands below it
    first_of_item = (
        line.item >= 0
        and line.item not in page.lines[heading].items
        and (index == 0 or page.lines[index - 1].item != line.item)
    )
    if line.level and line.heading == heading:
        name, confidence = text, 0.72
    elif line.level:
        return None
    elif line.tag == "li" and line.heading == heading:
        name, confidence = text, 0.75
    elif first_of_item and line.heading == heading and len(text) <= 70:
        name, confidence = text, 0.62
    else:
        return None
    if key is K.CONTACT_PERSON:
        match = PERSON.match(name)
        return (
            (match["name"], match.span(), 0.7)
            if match and not NOT_PERSON.search(match["name"]) and len(name) < 90
            else None
        )
    name = _headword(name, key)
    if not _plausible(name, key) or (
        key is K.JOB and (_NO_JOBS.search(text) or (_PERKS.search(text) and not GENDERED.search(text)))
    ):
        return None
    at = text.find(name)
    return (name, (at, at + len(name)) if at >= 0 else (0, len(text)), confidence)


def _headword(text: str, key: K) -> str:
    cut = (
        re.split(r"\s[–—|·•-]\s|:\s|\s?\((?=\d)|\s{2,}", text, maxsplit=1)[0]
        if key is not K.JOB
        else re.split(r"\s[–—|·•]\s|:\s", text, maxsplit=1)[0]
    )
    if len(cut) > 60 and (stop := re.match(r"[^,.;]{3,60}(?=[,.;])", cut)):
        cut = stop[0]
    return cut.strip(" .,;:-–—|•")


def _plausible(name: str, key: K) -> bool:
    if not 2 <= len(name) <= 90 or len(name.split()) > 11 or name.endswith("?") or _NAV.match(name):
        return False
    if re.search(r"https?://|@|\d{5,}|[!?]$", name) or not re.search(r"[^\W\d_]{2}", name):
        return False
    if label_key(name) is not None and key not in (K.SERVICE, K.PRODUCT, K.JOB):
        return False
    if key in (K.CUSTOMER, K.PARTNER):
        return name[0].isupper() or name[0].isdigit() or (len(name.split()) == 1 and any(c.isupper() for c in name))
    if key is K.LOCATION:
        return name[0].isupper() and len(name.split()) <= 6
    return not (key is K.JOB and (len(name) < 4 or _JOBS_ALONE.fullmatch(name)))


_INTRODUCES = re.compile(
    r"trusted by|used by|they trust us|our (?:customers|clients)|vertrauen uns|unsere (?:kunden|referenzen)"
    r"|nous font confiance|nos (?:clients|références)|confían en|nuestros clientes",
    re.IGNORECASE,
)


def _pictures(page: ReadPage) -> Iterator[Candidate]:
    """Logos under a heading of customers or partners, named by their description."""
    for picture in page.pictures:
        above = min(picture.line, len(page.lines)) - 1
        if above < 0 or picture.region in ("footer", "nav", "header"):
            continue
        words = page.lines[above].text
        if page.lines[above].level or (len(words) < 90 and _INTRODUCES.search(words)):
            key, heading = heading_key(words), above
        else:
            key, heading = _governing(page, above)
        if key not in (K.CUSTOMER, K.PARTNER, K.CERTIFICATION) or heading < above - 60:
            continue
        name = re.sub(
            r"(?i)^(?:logo(?: of| von| de)?|company logo)\s+|\s*[-–|]?\s*\blogo\b.*$|\.(?:png|jpe?g|svg|webp)$",
            "",
            picture.alt,
        ).strip(" -–")
        place = page.quote_of_attribute(("img",), "alt", picture.alt)
        if (
            place
            and _plausible(name, K.CUSTOMER)
            and len(name.split()) <= 6
            and not re.search(
                r"(?i)\b(?:photo|picture|image|icon|arrow|banner|background|team|office|screenshot)\b", name
            )
        ):
            yield Candidate(key, name, "markup", *place, "rule", 0.6)


def _tables(page: ReadPage) -> Iterator[Candidate]:
    """The first column of a table that stands below a telling heading or has a telling head."""
    header: K | None = None
    column = 0
    last_row = -2
    for row in page.rows:
        lines = [page.lines[i] for i in row]
        if not lines or lines[0].tag in ("dt", "dd"):
            continue
        if all(line.tag == "th" or "th" in line.path[-2:] for line in lines) and len(lines) > 1:
            keys = [
                label_key(line.text)
                or (K.JOB if re.match(r"(?i)position|role|job|stelle|vacancy|poste|puesto", line.text) else None)
                for line in lines
            ]
            header, column, last_row = None, 0, row[-1]
            for number, key in enumerate(keys):
                if key in _LISTED:
                    header, column = key, number
                    break
            continue
        if last_row >= 0 and row[0] - last_row > 1:
            header = None
        key, _ = _governing(page, row[0])
        key = header or (key if key in (K.PRODUCT, K.SERVICE, K.CUSTOMER, K.PARTNER, K.JOB, K.LOCATION) else None)
        last_row = row[-1] if header else -2
        if (
            key is None
            or key not in _LISTED
            or column >= len(lines)
            or lines[column].excluded
            or label_key(lines[0].text) in (K.FOUNDED, K.EMPLOYEES, K.PHONE, K.EMAIL, K.ADDRESS, K.WEBSITE)
        ):
            continue
        name = _headword(lines[column].text, key)
        if _plausible(name, key):
            at = lines[column].text.find(name)
            yield in_line(lines[column], key, name, (max(0, at), max(0, at) + len(name)), 0.72)


def _labelled(page: ReadPage, pair: Pair) -> Iterator[Candidate]:
    assert pair.key is not None  # noqa: S101 - the caller asked for it
    line = page.lines[pair.index]
    if line.level or (line.tag == "li" and line.row < 0 and line.start == pair.value_start):
        return  # an entry of its own, read with the others below its heading
    if any(kind is pair.key and pattern.search(pair.value) for kind, _, pattern in _PHRASES):
        return  # a sentence that introduces its list, read as one
    cursor = 0
    # "Turning and milling" is one service; three of anything are a list.
    listed = pair.key not in (K.PRODUCT, K.SERVICE) or re.search(r"[,;|•·\n]", pair.value)
    pieces = [piece for piece in re.split(r"\n|" + _SPLIT.pattern, pair.value) if piece] if listed else [pair.value]
    if len(pair.value) > 250 or (pair.key is K.LOCATION and re.search(r"\d{4,}", pair.value)) or len(pieces) > 15:
        return
    if pair.key is K.LOCATION and re.fullmatch(r"[A-ZÄÖÜ][\w .'’À-ÿ-]+, [A-ZÄÖÜ][\w .'’À-ÿ-]+", pair.value):
        pieces = [pair.value]
    for piece in pieces:
        at = pair.value.find(piece, cursor)
        cursor = max(cursor, at + len(piece))
        name = piece.strip(" .;")
        if at >= 0 and _plausible(name, pair.key):
            yield Candidate(
                pair.key,
                name,
                "text",
                pair.value_start + at,
                pair.value_start + at + len(piece.rstrip(" .;")),
                "rule",
                0.78,
            )


def _phrases(page: ReadPage) -> Iterator[Candidate]:
    for sentence in sentences(page):
        text = sentence.text[:700]
        if sentence.line.quoted or about_somebody_else(text):
            continue
        for key, confidence, pattern in _PHRASES:
            for match in pattern.finditer(text):
                offset = match.start("list")
                for piece in _SPLIT.split(match["list"]):
                    at = text.find(piece, offset)
                    name = re.sub(r"^(?:the|die|der|das|le|la|les|el|los|las)\s", "", piece.strip(" ,.;"))
                    if (
                        at < 0
                        or not _plausible(name, key)
                        or re.match(r"(?i)(?:we|our|you|it|this|more|many|and|und|et|over|\d+|in|wir|nous)$", name)
                    ):
                        continue
                    offset = at + len(piece)
                    yield in_line(
                        sentence.line,
                        key,
                        name,
                        (sentence.at + match.start(), sentence.at + at + len(piece.rstrip(" ,.;"))),
                        confidence,
                    )


def _gendered(page: ReadPage) -> Iterator[Candidate]:
    """Titles that say (m/w/d) or H/F are jobs wherever they stand."""
    for line in page.lines:
        if line.excluded or len(line.text) > 140:
            continue
        if (match := GENDERED.search(line.text)) and match.start() > 3:
            name = line.text[: match.end()].strip(" -–,:")
            if _plausible(name, K.JOB):
                yield in_line(line, K.JOB, name, (0, match.end()), 0.85)
