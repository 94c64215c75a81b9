"""What the company says it does: its own description first, then sentences about its work; never an advertisement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey
from agents.research.candidates import Candidate, folded, in_line, words_of
from agents.research.labelled import Pair
from agents.research.naming import PAGE_WORDS
from agents.research.news import date_in
from agents.research.pages import ReadPage
from agents.research.sentences import Sentence, about_somebody_else, has_other_subject, sentences_of
from agents.research.vocabulary import heading_key, is_closing

_DO = re.compile(
    r"\b(?:we (?:are|make|build|help|provide|offer|design|develop" r"|deliver|produce|supply"
    r"|specialise|specialize|create|manufacture|run|operate|move" r"|serve|sell|craft|brew|bake"
    r"|install|repair|grow|roast|connect|transport)|(?:is" r"|are) (?:a|an|the|one of)\b|provides"
    r"|offers|specialises|specializes|manufactures|develops" r"|designs|builds|produces|makes" r"|delivers"
    r"|supplies|helps|operates"
    r"|wir (?:sind|bieten|entwickeln|fertigen|produzieren|liefern" r"|bauen|planen|machen|helfen"
    r"|beraten|betreiben|stellen)|ist (?:ein|eine|der|die|das|ihr)" r"|bietet|entwickelt|fertigt"
    r"|produziert|liefert|baut|nous (?:sommes|concevons|fabriquons" r"|proposons|accompagnons"
    r"|développons|produisons|créons|aidons)|est (?:un|une|le|la" r"|spécialis)|conçoit|fabrique"
    r"|propose|développe|accompagne"
    r"|(?:nos dedicamos|somos|ofrecemos|diseñamos|fabricamos" r"|desarrollamos|ayudamos|creamos"
    r"|producimos)|es (?:un|una|la|el|líder)|fabrica|ofrece|diseña" r"|desarrolla|se dedica)\b",
    re.IGNORECASE,
)  # fmt: skip
_CHROME = re.compile(
    r"cookie|javascript|browser|privacy|datenschutz|newsletter|subscribe|sign up|terms of|log ?in"
    r"|©|all rights|skip to|accept all|consent|loading|basket|cart\b|404|page (?:not found"
    r"|you requested)",
    re.IGNORECASE,
)
_ABOUT_A_PERSON = re.compile(
    r"\b(?:he|she|his|her|mr|mrs|ms|herr|frau|er|sie|founder['’]?s?"
    r"|ceo)\b[^.]{0,80}\b(?:diagnos\w+|illness|cancer|disease|depress\w+|disab\w+|pregnan\w+|sick"
    r"|divorce\w*|religio\w+|married|erkrank\w+|krank\w*|schwanger\w*|geschieden|maladie"
    r"|enfermedad|sober|recover\w+|surgery|home address|privat\w*)\b",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"(?:unternehmens)?gegenstand(?: des unternehmens)?|tätigkeit(?:sbereich)?|objet social|objeto social|business"
    r"|line of business|nature of business",
    re.IGNORECASE,
)
# True sentences about a company that do not say what it does.
_BESIDE_THE_POINT = re.compile(
    r"\b(?:we(?:['’]re| are) (?:looking for|hiring|certified|accredited|members?|open|closed|not|proud|pleased|happy"
    r"|here|registered|committed|an equal)|we (?:have|had|hold|use|believe|know|look forward|value|collect|process"
    r"|respect|love|care|want|ask|reserve|moved|won|were|offer (?:\d|free|competitive|you a))"
    r"|looking for (?:people|a|an|new|you)|join (?:us|our)|apply (?:now|today|by)|your (?:application|cv)|send us"
    r"|call (?:us|today)|click|read more|certified (?:to|according)|(?:is|are) certified"
    r"|(?:was|were) (?:awarded|named|acquired|certified)"
    r"|wir (?:suchen|verwenden|nutzen|freuen|sind (?:zertifiziert|nicht|umgezogen|stolz)|haben|setzen cookies|danken"
    r"|verarbeiten|wurden|behalten)|(?:ist|sind|wurde) (?:nach [^.]{2,30} )?zertifiziert|bewirb|bewerben"
    r"|stellenangebot|haftung|urheberrecht|verantwortlich|nous (?:recherchons|recrutons|utilisons|sommes certifiés"
    r"|avons)|rejoignez|postulez|certifiée?s? iso|édité par|hébergé|propriété intellectuelle|conformément|buscamos"
    r"|únete|(?:estamos|está|están) certificad|certificad[ao]s? (?:según|en|con)|en cumplimiento|se informa|titular"
    r"|reservados|all rights|opening hours|öffnungszeiten|speculative|vertreten durch|represented by"
    r"|(?:jahres)?umsatz|revenue|turnover|chiffre d['’]affaires|facturación|working towards)\b",
    re.IGNORECASE,
)
_FOUNDING = re.compile(
    r"\b(?:founded|established|incorporated|set up|gegründet|gründete|fondée?|créée?|fundad[ao]|constituid[ao]|fundó"
    r"|opgericht|fondata|grundat|grundades|grundlagt|stiftet)\b",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"^(?:(?:Today|Heute|At \w+),? )?(?:We|Wir|Nous|Somos)\b(?: are| sind| sommes)? (?:a|an|ein|eine|une|un)"
    r" (?:\w+ )?(?:team|studio|crew|équipe"
    r"|equipo|practice|firm) (?:of|von|aus|de) \w+(?: (?:designers|people|personas|personnes|Menschen))?[^,.]{0,12}[,.]"
    r"|^(?:(?:today|heute|aujourd['’]hui|hoy),? )?(?:we|wir|nous|a crew|a team|our team|unser team|over|more than)\b"
    r"[^.]{0,40}\d+ (?:\w+ )?(?:people|employees|staff|mitarbeit\w+|menschen|collaborateurs|salariés|personas)",
    re.IGNORECASE,
)
# A sentence that says neither whose work it is nor what work must at least look like a description.
_WEAK = re.compile(
    r"\d|^[^.:]{3,30}\s?:\s|\b(?:has|have|had|was|were|hat|war|wurde|avait|tiene|tenía|clients|kunden)\b"
)
# What follows a company's own name is what it does, unless it is one of these.
_NO_WORK = frozenset(
    [
        *("was", "were", "has", "had", "have", "and", "the", "with", "will", "can", "as", "is", "are", "s"),
        *("in", "of", "at", "by", "to", "on", "or", "an", "employs", "says", "won", "wins", "celebrates"),
        *("opens", "opened", "joins", "joined", "wurde", "ist", "hat", "sind", "und", "mit", "war", "wird"),
        *("kann", "im", "aus", "bei", "der", "die", "das", "für", "sucht", "eröffnet", "feiert", "a", "est"),
        *("et", "sont", "ont", "été", "sera", "avec", "de", "des", "du", "ouvre", "compte", "recherche", "es"),
        *("fue", "ha", "y", "son", "con", "cuenta", "abre", "busca", "e", "è", "conta", "cerca", "og", "en"),
        *("och", "van", "voor", "for", "från", "heeft", "zoekt", "har", "søger", "söker", "limited"),
    ]
)  # fmt: skip
_ARTICLES = frozenset(("The", "Die", "Der", "Das", "La", "Le", "Les", "El", "Los", "Las", "De", "Het", "Il"))
_HAS_BEEN = re.compile(r"\b(?:has|have) been (?:\w+ly )?[a-z]+ing\b")
_MAX_LINES = 800
_JOINTS = frozenset(("and", "und", "et", "y", "e", "en", "de", "of", "der", "van", "von", "du", "la", "le"))
_SPEAKING = re.compile(
    r"^(?:We|Wir|Nous|Wij)\s(?!(?:are|were|have|had|be|can|will|would|also|all|sind|haben|werden|können|avons|sommes"
    r"|serons|zijn|hebben)\b)[a-zäöüßéèêç]{3,20}\s|^[A-ZÁÉÍÓÚ][a-záéíóúñ]{2,16}(?:amos|emos|imos)(?<!Contamos)(?<!Disponemos)(?<!Tenemos)"
    r"(?<!Llevamos)(?<!Estamos)(?<!Somos)(?<!Usamos)(?<!Utilizamos)(?<!Buscamos)\s"
)


def descriptions(page: ReadPage, pairs: list[Pair], own: frozenset[str]) -> Iterator[Candidate]:
    """What the company does, in its own words: the page's description and its first telling sentences."""
    yield from _in_meta(page)
    for pair in pairs:
        if _OBJECT.fullmatch(pair.label.strip(" :")) and 12 <= len(pair.value) <= 300 and "\n" not in pair.value:
            yield Candidate(FactKey.DESCRIPTION, pair.value.strip(" ."), "text", pair.start, pair.end, "rule", 0.78)
    found = 0
    for index, line in enumerate(page.lines):
        if found >= 4 or index > _MAX_LINES:
            return
        if not _may_tell(page, index):
            continue
        closing = is_closing(page.heading_of(index))
        for sentence in list(sentences_of(line, index))[:4]:
            if closing and not _own_verb(sentence.text, own):
                continue
            confidence = _tells(page, sentence, own, first=found == 0 and sentence.at == 0)
            if confidence is not None:
                found += 1
                span = (sentence.at, sentence.at + len(sentence.text))
                yield in_line(line, FactKey.DESCRIPTION, sentence.text[:380], span, confidence)
                break


def tagline(page: ReadPage) -> Iterator[Candidate]:
    """The first heading, where it is a sentence about the work rather than a name."""
    for line in page.lines[:25]:
        if line.level not in (1, 2) or line.excluded or "§" in line.text or not 4 <= len(line.text.split()) <= 20:
            continue
        if _CHROME.search(line.text) or PAGE_WORDS.fullmatch(line.text) or heading_key(line.text) is not None:
            continue
        if not _BESIDE_THE_POINT.search(line.text):
            yield in_line(line, FactKey.DESCRIPTION, line.text, (0, len(line.text)), 0.5)
        return


def tells_work(text: str) -> bool:
    """Whether a text may stand as a description: it is no advertisement, founding note, certificate or page title."""
    sentence = re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
    if _BESIDE_THE_POINT.search(sentence) and not _DO.search(sentence):
        return False
    title = re.match(r"[^|–—:-]{2,30}?(?=\s(?:de|of|von|der|des|du|for|bei|at)\s|\s?[|–—:-]|$)", text)
    return not (title is not None and PAGE_WORDS.fullmatch(title[0].strip()) and len(text.split()) < 9)


def _in_meta(page: ReadPage) -> Iterator[Candidate]:
    for meta in ("description", "og:description", "twitter:description", "dc.description"):
        if (tag := page.metas.get(meta)) is None:
            continue
        content = tag.attributes["content"]
        words = " ".join(content.value.split())
        if 15 <= len(words) <= 600 and not _ABOUT_A_PERSON.search(words) and tells_work(words):
            method = "opengraph" if meta.startswith(("og:", "twitter:")) else "rule"
            yield Candidate(
                FactKey.DESCRIPTION, words[:400], "markup", content.start, content.end,
                "opengraph" if method == "opengraph" else "rule", 0.8 if len(words.split()) >= 5 else 0.6,
            )  # fmt: skip


def _may_tell(page: ReadPage, index: int) -> bool:
    line = page.lines[index]
    if line.excluded or line.quoted or line.level or line.region in ("nav", "footer") or len(line.text) < 30:
        return False
    if _CHROME.search(line.text) or _ABOUT_A_PERSON.search(line.text):
        return False
    if re.match(r"(?i)tel\b|phone|copyright|©|vertreten|represented", line.text):
        return False
    if line.text.count(" | ") + line.text.count(" · ") >= 2 and not line.text.endswith("."):
        return False  # a row of links
    return re.search(r"\bHRB?\b", line.text[:160]) is None and date_in(line.text[:14]) is None


def _tells(page: ReadPage, sentence: Sentence, own: frozenset[str], *, first: bool) -> float | None:
    """How surely a sentence says what the company does; None where it says something else."""
    words, line = sentence.text, sentence.line
    count = len(words.split())
    if not 28 <= len(words) <= 420 or count < 5 or _BESIDE_THE_POINT.search(words) or _SIZE.search(words):
        return None
    if re.search(r"@|\(?\d{3}\)?[ .-]\d{3}|§", words) or about_somebody_else(words) or has_other_subject(words, own):
        return None
    named = bool(own & set(words_of(words[:120])))
    does = _DO.search(words[:220]) is not None or _HAS_BEEN.search(words) is not None or _own_verb(words, own)
    founding = _FOUNDING.search(words) is not None
    if founding and not (
        does and re.search(r"\b(?:is|ist|est|es) (?:a|an|ein|eine|une?|una?)\b|" + _DO.pattern, words)
    ):
        return None
    in_cell = line.row >= 0 or line.tag in ("li", "td", "th", "dt")
    if in_cell and not (does and (named or len(words) > 60)):
        return None
    if does and named:
        return 0.72
    if does:
        return 0.62 if not founding else 0.55
    if _SPEAKING.match(words):
        return 0.58
    if founding or _WEAK.search(words):
        return None
    if named and count >= (5 if words.endswith(".") else 7):
        return 0.5
    return 0.5 if first and sentence.index < 12 and len(words) >= 40 and count >= 6 else None


def _own_verb(words: str, own: frozenset[str]) -> bool:
    """Whether the sentence begins with the company's name and goes on with what it does."""
    tokens = words.split()[:9]
    position = next((n for n, token in enumerate(tokens) if token[:1].islower() and token not in _JOINTS), 0)
    name = tokens[1:position] if tokens[0] in _ARTICLES else tokens[:position]
    if not name or not all(re.fullmatch(r"[\w&'’.+-]+,?", token) for token in name):
        return False
    if not own & {folded(name[0]), *words_of(name[0]), *((folded(name[1]),) if len(name) > 1 else ())}:
        return False
    verb = tokens[position].lower()
    return verb.isalpha() and len(verb) >= 3 and verb not in _NO_WORK
