"""Certificates and standards the company says it holds; not those it works towards, teaches or sells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey
from agents.research.candidates import Candidate, in_line
from agents.research.pages import ReadPage
from agents.research.sentences import about_somebody_else, sentences
from agents.research.vocabulary import heading_key

_STANDARD = re.compile(
    r"\b(?:(?:DIN |BS |UNE[- ]|NF )?(?:EN )?ISO(?:/(?:IEC|TS" r"|ASTM))?[ -]?\d{4,5}(?:-\d{1,2})?(?:[:–-]\d{4})?"
    r"|(?:DIN )?EN \d{3,5}(?:-\d{1,2})?(?::\d{4})?" r"|IATF[ -]?16949(?::\d{4})?|IEC \d{5}|AS ?9100[A-D]?"
    r"|OHSAS 18001" r"|SOC ?[123](?: Type (?:II|I|2" r"|1))?|TISAX(?:[- ]?(?:AL|Level) ?\d)?"
    r"|PCI[- ]DSS(?: Level \d)?|HITRUST(?: CSF)?" r"|FedRAMP(?: (?:Moderate|High|Low))?"
    r"|Cyber Essentials(?: Plus)?|BSI C5" r"|Certified B Corp(?:oration)?"
    r"|B[- ]Corp(?:oration)?(?: [Cc]ertified)?|CarbonNeutral" r"|EcoVadis(?: (?:Platinum|Gold|Silver"
    r"|Bronze))?|EMAS|HACCP|IFS (?:Food|Logistics|Broker)" r"|BRCGS?(?: AA| A)?|FSSC 22000|GMP\+?"
    r"|GLOBALG\.?A\.?P\.?|FSC(?:®)?(?:-C\d+)?|PEFC|MSC|ASC|RSPO" r"|Fair[Tt]rade|Rainforest Alliance"
    r"|Demeter|Bioland|Naturland"
    r"|DE-ÖKO-\d{3}|EU[- ](?:Bio|Organic)|Soil Association" r"|USDA Organic|AEO(?:-?[CFS])?|C-TPAT"
    r"|GDP(?= (?:certified|certificate|zertifi))|ADR|SQAS" r"|LEED(?: (?:Platinum|Gold|Silver))?"
    r"|BREEAM|DGNB|Passivhaus|VCA\*{0,2}|SCC\*{0,2}|SCCP|Qualiopi" r"|RGE|Qualibat|MASE|ENS"
    r"|Investors in People(?: (?:Gold|Silver|Platinum))?|CHAS" r"|SafeContractor"
    r"|Constructionline(?: Gold)?|Gas Safe|NICEIC|FENSA|TrustMark" r"|MCS|CMMI(?: Level \d)?|NADCAP"
    r"|ATEX|UL \d{3,5}[A-Z]?|WEEE|R2v3" r"|OEKO-TEX(?:®)?(?: Standard 100)?|GOTS|BSCI|SA ?8000"
    r"|Great Place to Work|Top Employer|TÜV(?:[ -](?:Süd|Nord" r"|Rheinland|SÜD"
    r"|NORD))?(?=[ -](?:certified|geprüft|zertifiziert))" r"|VdS(?=[ -](?:anerkannt|zertifiziert"
    r"|geprüft))|Meisterbetrieb|Entreprise du Patrimoine Vivant" r"|EPV|Origine France Garantie" r"|HVE)(?![\w])"
)  # fmt: skip
_AMBIGUOUS = frozenset(
    {
        "ADR",
        "ENS",
        "MSC",
        "ASC",
        "MCS",
        "RGE",
        "EPV",
        "HVE",
        "MASE",
        "VCA",
        "SCC",
        "UL",
        "GMP",
        "FSC",
        "BRC",
        "AEO",
        "SCCP",
        "DEMETER",
        "TOP EMPLOYER",
        "CHAS",
        "WEEE",
        "ATEX",
        "IEC",
    }
)
_HELD = re.compile(
    r"certif|zertifi|accredit|akkredit|complian|audited|holds?\b|conform|registered|licen[sc]ed"
    r"|approved|attest|labell|geprüft|nach\b|agréé|homologad|acredit|member|standard",
    re.IGNORECASE,
)
_NOT_HELD = re.compile(
    r"\b(?:not (?:yet )?(?:\w+ ){0,2}(?:certified|accredited|compliant)|(?:are|is) not\b|no longer"
    r"|former(?:ly)?|expired|lapsed|working towards?|towards" r"|on (?:the|our) (?:way|path|road)"
    r"|in (?:progress|preparation|process)|preparing|planned" r"|plan(?:s|ning)? (?:to|for)|aim(?:s"
    r"|ing)? (?:to|for)|seek(?:s|ing)?|pursuing|pending|expect\w*" r"|will (?:be|become|achieve"
    r"|obtain)|by 20[2-4]\d|roadmap|coming soon|soon"
    r"|noch nicht|nicht (?:nach|zertifiziert)|angestrebt|streben" r"|in vorbereitung|geplant"
    r"|abgelaufen|ehemals|pas (?:encore )?certifi|en cours|visons" r"|prévu|no (?:está|estamos" r"|somos)"
    r"|en proceso|previst[ao]"
    r"|help\w* (?:you|our|companies|clients|customers|businesses" r"|organi[sz]ations)|consult\w*"
    r"|training|courses?|workshops?|seminar\w*|schulung\w*" r"|beratung\w*|beraten|advis\w+"
    r"|prepar\w+ (?:you|clients|companies)" r"|get (?:you )?(?:certified|ready)|achieve|readiness"
    r"|gap analys|audits? for|internal audits?|implement\w* (?:of" r"|for)|einführung|accompagn\w+"
    r"|conseil|formation|asesor\w+|consultor\w+"
    r"|(?:suppliers?|hosting|data ?cent(?:er|re)s?|cloud" r"|providers?|hosts?|partners?|customers?"
    r"|clients?|lieferanten|rechenzentr\w+|hébergeur|fournisseurs?" r"|proveedor\w*) (?:is|are" r"|holds?"
    r"|have|has|must|sind|ist|est|sont|es|son)|hosted (?:in|on|by" r"|at)|data ?cent(?:er|re) (?:is" r"|are))\b",
    re.IGNORECASE,
)  # fmt: skip


def credentials(page: ReadPage) -> Iterator[Candidate]:
    """Each standard named where the page speaks of holding it."""
    for sentence in sentences(page):
        text = sentence.text[:900]
        if sentence.line.quoted or about_somebody_else(text):
            continue
        heading = page.heading_of(sentence.index)
        listed = heading_key(heading) is FactKey.CERTIFICATION
        for match in _STANDARD.finditer(text):
            before = text[max(0, match.start() - 110) : match.start()]
            after = text[match.end() : match.end() + 60]
            if _NOT_HELD.search(before) or _NOT_HELD.search(after) or _NOT_HELD.search(heading):
                continue
            if match[0].upper() in _AMBIGUOUS and not (listed or _HELD.search(before[-40:] + " " + after[:40])):
                continue
            span = (
                (sentence.at, sentence.at + len(text))
                if len(text) <= 240
                else (sentence.at + match.start(), sentence.at + match.end())
            )
            yield in_line(
                sentence.line,
                FactKey.CERTIFICATION,
                match[0],
                span,
                0.85 if listed or _HELD.search(text) else 0.75,
            )
    yield from _listed(page)


def _listed(page: ReadPage) -> Iterator[Candidate]:
    """Entries of a list below a heading of certificates that no pattern knows."""
    for line in page.lines:
        if line.excluded or line.tag != "li" or line.heading < 0 or len(line.text) > 90 or _STANDARD.search(line.text):
            continue
        above = page.lines[line.heading].text
        if (
            heading_key(above) is FactKey.CERTIFICATION
            and re.search(r"certif|zertifi|accredit|acredit|agrément", above, re.IGNORECASE)
            and not _NOT_HELD.search(line.text + " " + above)
        ):
            name = re.split(r"\s[–—|·]\s|:\s", line.text)[0].strip(" .,;")
            if 2 < len(name) <= 80 and any(char.isupper() for char in name):
                yield in_line(line, FactKey.CERTIFICATION, name, (0, len(name)), 0.65)
