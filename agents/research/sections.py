"""Sections that tell of somebody else: the host of a site, its designers, authorities, photographers."""

from __future__ import annotations

import re

from agents.research.pages import ReadPage

_HOST = (
    r"(?:web-?)?(?:hosting|hébergement|hébergeur|hosted by|hoster|alojamiento|proveedor de alojamiento)"
    r"(?: provider| web| du site| de la web| & domain)?|host(?:ing)? provider"
    r"|hosting-?(?:anbieter|provider|dienstleister)"
)
_MAKERS = (
    r"(?:web-?)?(?:design|gestaltung|entwicklung|development|conception|création|konzept(?:ion)?|umsetzung"
    r"|programmierung|realisierung|realisation|réalisation)"
    r"(?:(?:,| und| &| et)? (?:design|gestaltung|umsetzung|programmierung|réalisation|graphique|du site|by|von|par))*"
    r"|website(?: by| von| door)|site (?:by|réalisé par)|diseño(?: web)?|desarrollo web"
    r"|bild(?:nachweis|quellen|rechte)e?|fotos?|fotografie|photo(?:s|graphy| credits?)?|crédits?(?: photos?)?"
    r"|image credits?"
)
_AUTHORITIES = (
    r"(?:zuständige )?(?:aufsichtsbehörde|aufsicht|kammer|schlichtungsstelle)|verbraucher(?:streitbeilegung"
    r"|schlichtung)(?:/universalschlichtungsstelle)?|online-streitbeilegung|(?:eu-)?streitschlichtung"
    r"|berufshaftpflicht\w*(?: der versicherung)?|name und sitz des versicherers|supervisory authority"
    r"|médiat(?:eur|ion)(?: de la consommation)?|agencia de protección de datos"
)
_TOPIC = f"{_HOST}|{_MAKERS}|{_AUTHORITIES}"
_HEADING = re.compile(r"(?:" + _TOPIC + r")\W*", re.IGNORECASE)
_LABELLED = re.compile(r"\W*(?:" + _TOPIC + r")\s?(?::|–|—)\s", re.IGNORECASE)
_MADE_BY = re.compile(
    r"\W*(?:(?:un |this |diese |el )?(?:web)?(?:site|seite|sitio)?(?: web| internet)? ?(?:réalisée?|conçue?|créée?"
    r"|designed"
    r"|built|made|developed|powered|hosted|erstellt|umgesetzt|gestaltet|diseñado|desarrollado) (?:by|par|von|por"
    r"|with|mit)"
    r"|web(?:site|design|seite)? (?:by|von|door|par)|site by)\s",
    re.IGNORECASE,
)
_LEGAL_PAGE = re.compile(
    r"impressum|imprint|legal notice|legal information|mentions légales|aviso legal|note legali|colofon|credits",
    re.IGNORECASE,
)
_CASE_STUDY = re.compile(
    r"\b(?:case stud(?:y|ies)|customer stor(?:y|ies)|success stor(?:y|ies)|fallstudie|erfolgsgeschichte|anwenderbericht"
    r"|cas client|étude de cas|caso de éxito|historia de éxito)\b"
    r"|^(?:how|wie|comment|cómo)\s(?!(?:we|wir|nous|to|it|you|our|much|many|do|does|can|man|sie|faire|hacer"
    r"|funciona)\b)"
    r"\w.{0,50}?\b(?:cut|cuts|sav(?:e|es|ed|ing)|gr(?:ew|ows?)|reduc\w+|increas\w+|boost\w*|improv\w*|uses?|used"
    r"|scal\w+"
    r"|built|moved|achiev\w+|switch\w+|halved|doubled|automat\w+|spart\w*|senkt\w*|steigert\w*|réduit|augmente|redujo"
    r"|ahorra|ahorró)\b",
    re.IGNORECASE,
)
_MAX_LINES = 12


def set_aside(page: ReadPage) -> None:
    """Exclude every line of a section about somebody else, so that its address and telephone are not the company's.

    Only on legal pages and in footers: elsewhere "Hosting" or "Web design" may be what the company sells.
    """
    legal = _LEGAL_PAGE.search(page.title) is not None or any(
        line.level and len(line.text) < 60 and _LEGAL_PAGE.search(line.text) for line in page.lines
    )
    for index, line in enumerate(page.lines):
        if line.excluded or not (legal or line.region == "footer"):
            continue
        if line.level and _HEADING.fullmatch(line.text[:120]):
            for other in page.lines[index + 1 : index + 1 + _MAX_LINES]:
                if other.heading != index:
                    break
                other.excluded = True
        elif not line.level and len(line.text) < 60 and _HEADING.fullmatch(line.text):
            _rest_of_block(page, index)
        elif line.region == "footer" and _MADE_BY.match(line.text[:80]):
            line.excluded = True
        elif _LABELLED.match(line.text[:80]):
            line.excluded = True
            _rest_of_block(page, index)


def tells_of_a_customer(page: ReadPage) -> bool:
    """Whether the page is a case study: most of its figures are then the customer's."""
    heads = [line.text for line in page.lines if line.level == 1 and not line.excluded][:2]
    return any(_CASE_STUDY.search(words[:160]) for words in (page.title, *heads))


def _rest_of_block(page: ReadPage, index: int) -> None:
    """The lines below in the same paragraph go with it, until another label."""
    line = page.lines[index]
    for other in page.lines[index + 1 : index + 5]:
        if other.parent != line.parent or other.level or other.tag != line.tag or other.text[:1] == "©":
            return
        if re.match(r"[^\d:]{2,40}:\s", other.text) and not re.match(
            r"(?i)(?:tel|phone|fax|tél|e-?mail|web)", other.text
        ):
            return
        other.excluded = True
