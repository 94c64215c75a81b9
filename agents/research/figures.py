"""How large the company is: employees and revenue, with the qualifier the page puts before the number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey
from agents.research.candidates import Candidate, in_line
from agents.research.labelled import Pair
from agents.research.pages import ReadPage
from agents.research.sentences import about_somebody_else, has_other_subject, said_of_another, sentences

_QUALIFIER = (
    r"(?:(?:more than|over|about|around|approximately|approx\.?|nearly|almost|some|at least"
    r"|fewer than|less than|close to|roughly|just over|just under|well over|up to|in excess of"
    r"|mehr als|über|rund|etwa|ca\.?|circa|knapp|gut|fast|ungefähr|mindestens|bis zu|plus de"
    r"|environ|près de|autour de|quelque|une|más de|unos|unas|cerca de|alrededor de"
    r"|aproximadamente|casi|ruim|meer dan|ongeveer|circa|oltre|più di|über|mer än|cirka|drygt|mere end|omkring|mer enn"
    r"|~|>|≈)\s?)?"
)
_NUMBER = r"\d{1,3}(?:[.,'’ \u00a0]\d{3})+|\d{1,6}"
_AMOUNT = (
    r"(?P<value>"
    + _QUALIFIER
    + r"(?:"
    + _NUMBER
    + r")(?:\s?(?:–|-|to|bis|à|a)\s?(?:"
    + _NUMBER
    + r"))?\+?|(?:"
    + _QUALIFIER
    + r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty"
    r"|fifty|sixty|hundred|zwölf|zwanzig|dreißig|vierzig|fünfzig|hundert|douze|quinze|vingt"
    r"|trente|doce|quince|veinte|treinta))(?:[- ](?:one|two|three|four|five|six|seven|eight"
    r"|nine))?)"
)
_ADJECTIVES = r"(?:(?:[a-zäöüß-]{3,20}|[A-Z][a-z]+)\s){0,3}?"
_STAFF = (
    r"(?:employees|staff(?: members)?|team ?members|colleagues|professionals|specialists|experts"
    r"|engineers|craftspeople|craftsmen|workers|co-?workers|associates|consultants"
    r"|people (?:strong|work(?:ing)?|across|in|on (?:our|the) team|employed|at|worldwide|on staff)"
    r"|full-?time(?: employees)?|developers|designers"
    r"|Mitarbeiter(?:innen|:innen|\*innen|_innen|Innen|/-innen)?(?: und Mitarbeiter(?:innen)?)?n?"
    r"|Mitarbeitenden?|Beschäftigten?|Kolleg(?:innen|en|:innen)(?: und Kollegen)?|Angestellten?"
    r"|Fachkräften?|Köpfe[n]?|Menschen|Personen|Leute[n]?"
    r"|salariés|collaborateurs|collaboratrices|employés|personnes|experts|talents|empleados"
    r"|trabajadores|profesionales|personas|colaboradores|técnicos|medewerkers|werknemers|collega['’]?s|dipendenti"
    r"|collaboratori|addetti|anställda|medarbetare|ansatte|medarbejdere|funcionários|pracowników)"
)
_EMPLOYEES = (
    (0.88, re.compile(r"(?:\b(?:employ(?:s|ing|ed)?|has|have|with|we(?:['’]re| are)" r"|team of|staff of"
        r"|workforce of|crew of|beschäftig(?:t|en)|mit|zähl(?:t|en)" r"|haben|hat|sind|arbeiten"
        r"|emploie|employons|compte|comptons|avec|réunit|équipe de" r"|emplea|empleamos|cuenta con"
        r"|contamos con|con|equipo de|somos|plantilla de|effectif de" r"|Team (?:von|aus)"
        r"|unsere)\b\s(?:heute |today |derzeit |currently |aktuell " r"|now |a |aujourd['’]hui "
        r"|actualmente |inzwischen |mittlerweile |insgesamt "
        r"|weltweit )?)" + _AMOUNT + r"\s" + _ADJECTIVES + _STAFF + r"\b")),
    (0.85, re.compile(r"\b(?:da (?:empleo|trabajo) a|donne du travail à|emploi à|[Aa]t [A-Z]\w+ we are|[Tt]oday we are"
        r"|[Hh]eute sind wir|[Nn]ous sommes|[Ss]omos|[Vv]i är|[Vi]i er|[Ww]e zijn met)\s" + _AMOUNT
        + r"(?:\s" + _ADJECTIVES + _STAFF + r"\b|\s(?:people|personas|personnes|Menschen|Leute|mensen)\b)")),
    (0.82, re.compile(r"\b[Ee]mploy(?:s|ing)?\s(?:now |about |some )?" + _AMOUNT + r"\s[a-z]{4,20}s\b")),
    (0.8, re.compile(r"\b(?:met|telt|werken|con|conta|med|har)\s(?:zo['’]n )?" + _AMOUNT + r"\s(?:collega['’]?s|mensen"
        r"|medewerkers|dipendenti|collaboratori|addetti|persone|anställda|medarbetare|ansatte|medarbejdere)(?!\w)")),
    (0.8, re.compile(_AMOUNT + r"\s" + _ADJECTIVES + r"(?:medewerkers|werknemers|dipendenti|anställda|ansatte"
        r"|medarbejdere|funcionários)\b")),
    (0.8, re.compile(_AMOUNT + r"\s" + _ADJECTIVES + r"(?:employees|staff(?: members)?|team ?members"
        r"|Mitarbeiter(?:innen|:innen|\*innen" r"|_innen|Innen)?n?|Mitarbeitenden?|Beschäftigten?|salariés"
        r"|collaborateurs|employés" r"|empleados|trabajadores)\b")),
    (0.85, re.compile(r"\b(?:team of|staff of|workforce of|crew of|Team von" r"|équipe de|equipo de|headcount of"
        r"|plantilla de)\s" + _AMOUNT + r"(?=$|[\s.,;!])")),
    (0.85, re.compile(r"\b(?:[Ww]e(?:['’]re| are) (?:a team of |now )?|[Ee]mploy(?:s"
        r"|ing|ed)? )" + _AMOUNT + r"\s(?:people|persons|women and men|men and women)\b")),
    (0.8, re.compile(_AMOUNT + r"[- ](?:person|people|strong|man|köpfiges?" r"|personnes)(?:[- ](?:strong|team|company"
        r"|firm|studio|agency|Team|workforce))+\b")),
    (0.8, re.compile(_AMOUNT + r"\s(?:people (?:work|are employed|strong|make up|on our team" r"|in our team|across"
        r"|at our)|Menschen (?:arbeiten|beschäftigt)" r"|personnes (?:travaillent|composent)"
        r"|personas (?:trabajan|forman))\b")),
    (0.75, re.compile(r"\b(?:practice|studio|firm|agency|collective|company|business" r"|family|group|office"
        r"|workshop|cooperative|co-op|Büro|Kanzlei|Agentur) (?:of|mit"
        r"|von) " + _AMOUNT + r"\s(?:[a-z]+s|people|Personen|Menschen)\b")),
    (0.78, re.compile(_AMOUNT + r"\s" + _ADJECTIVES + r"(?:craftsmen|craftspeople|people|engineers|technicians"
        r"|Kolleginnen und Kollegen" r"|Menschen|Fachleute|Handwerker|personnes|artisans|personas"
        r"|profesionales) (?:work" r"|make|build|look after|kümmern|arbeiten|sorgen|fertigen"
        r"|bauen|travaillent|œuvrent" r"|trabajan|fabrican)\b")),
    (0.8, re.compile(r"\b(?:arbeiten|beschäftigen wir|sind)\s(?:heute |derzeit " r"|inzwischen |mittlerweile "
        r"|insgesamt )?" + _AMOUNT + r"\s(?:Menschen|Personen|Leute|Kolleg\w+)\b")),
)  # fmt: skip
# Every pattern above needs a number; most sentences have none.
_NUMBERED = re.compile(
    r"\d|\b(?:t(?:wo|hree|en|we|hirt|rent|rein)|f(?:our|ive|if|ort|ünf)|s(?:ix|even)|eight|nine|eleven|hundr"
    r"|zw(?:ölf|anz)"
    r"|dreiß|vierz|douze|qui|vingt|doce|vei)",
    re.IGNORECASE,
)
_AT_ONE_SITE = re.compile(
    r"\b(?:opened|opens|opening|eröffne\w*|ouvr\w+|abri\w*|built|closed|closing|schließ\w*)\b[^.;]{0,60}\b(?:plant"
    r"|factory"
    r"|office|site|branch|warehouse|facility|\w*werk|niederlassung|standort|usine|bureau|planta|fábrica|delegación"
    r"|depot)"
    r"\b[^.;]{0,50}$|\b(?:plant|factory|branch|facility|zweigwerk|niederlassung|usine|planta|fábrica)\b[^.;,]{0,30}"
    r"\b(?:with|mit|avec|con|employing|employs)\s[^.;,]{0,40}$",
    re.IGNORECASE,
)
_OF_A_GROUP = re.compile(
    r"\b(?:part of|belongs? to|owned by|subsidiary of|a group (?:with|of)|parent company|teil (?:der|des|von)"
    r"|gehör(?:t|en) zu[mr]?|tochter\w* (?:der|des|von)|konzern mit|unternehmensgruppe mit|fait partie"
    r"|filiale (?:de|du)|appartient|un groupe (?:de|qui)|forma parte|pertenece|filial de|onderdeel van|del av|en del af"
    r"|parte del? gruppo)\b",
    re.IGNORECASE,
)
_NOT_OURS = re.compile(
    r"\b(?:sells|sold|selling|acquir\w+|bought|divest\w*|verkauf\w*|übernimmt|übernahm\w*|vend|vendu|rachet\w*|vende"
    r"|vendió|adquir\w+|division (?:with|of)|subsidiary (?:with|of)|(?:companies|businesses|organi[sz]ations|firms"
    r"|teams" r"|customers|clients|employers"
    r"|unternehmen|betriebe|firmen|kunden|entreprises|empresas" r"|clientes|sites?|plans?|users"
    r"|offices|groups) (?:with|of|employing|having|mit|von|ab|bis" r"|de|con)"
    r"|für (?:unternehmen|betriebe|teams|firmen)|for (?:teams" r"|companies|up to)|pour les"
    r"|para (?:empresas|equipos)|per (?:month|user|seat)" r"|pro (?:monat|nutzer)|helped|trained"
    r"|geschult|formé|serves|serving|attend\w+|invited|surveyed" r"|survey|interviewed|laid off"
    r"|layoffs?|redundan\w+|entlassen"
    r"|plan(?:s|ned)? to (?:hire|grow)|will (?:grow|hire|employ)" r"|by 20\d\d|bis 20\d\d|their|his"
    r"|her|deren|its customers|our (?:customer|client)s?|goal" r"|target|looking for|suchen"
    r"|recherch\w+|hiring|new (?:employees|staff|jobs)" r"|neue[n]? (?:mitarbeit\w+|stellen)"
    r"|additional|further|weitere\w*|nouveaux|nuevos" r"|up to \d+ (?:employees|staff|users"
    r"|people) (?:can|may)|volunteers?|patients?|students?|guests?" r"|participants?)\b",
    re.IGNORECASE,
)  # fmt: skip
_MONEY = (
    r"(?P<value>" + _QUALIFIER + r"(?:(?:EUR|USD|GBP|CHF|DKK|SEK|NOK|PLN|CZK|CAD|AUD|NZD|INR|JPY|US\$|€|\$"
    r"|£)\s?\d[\d.,'’]*\s?(?:million|billion|m|bn|M|Mio\.?|Mrd\.?|k|millions?|milliards?"
    r"|millones)?\b"
    r"|\d[\d.,'’]*\s?(?:million|billion|Mio\.?|Mrd\.?|Millionen|Milliarden|millions?|milliards?"
    r"|millones|M|m|bn)?\s?(?:d['’])?(?:de )?(?:[Ee]uros?|EUR|€|US-?[Dd]ollars?|USD|dollars?"
    r"|pounds|GBP|£|CHF|DKK|SEK|NOK|PLN|CZK|CAD|AUD|kroner|kronor|zł|Franken|francs|dólares|M€"
    r"|Md€)(?!\w)))"
)
_REVENUE = (
    re.compile(r"\b(?:[Rr]evenues?|[Tt]urnover|(?:[Aa]nnual|[Nn]et|[Gg]roup) sales|(?:Jahres|Gruppen"
    r"|Konzern)?[Uu]msatz(?:erlöse)?|[Cc]hiffre d['’]affaires|[Ff]acturación|[Ii]ngresos|[Oo]mzet|[Ff]atturato"
    r"|[Oo]msætning|[Oo]msetning|[Oo]msättning|[Oo]msätter|CA)\b[^.;!?\d€$£]{0,60}?(?:(?:in |im Jahr |en |for |fy ?)?"
        r"(?P<year>20\d\d)[^.;!?\d€$£]{0,40}?)?"
        + _MONEY),
    re.compile(_MONEY + r"\s(?:in |an |of |de )?(?:annual |yearly )?(?:revenues?" r"|turnover|sales|Jahresumsatz"
    r"|Umsatz|de chiffre d['’]affaires" r"|(?:de )?facturación|omzet|fatturato)\b(?:[^.;!?\d]{0,12}(?P<year>20\d\d))?"),
    re.compile(r"\b(?:turned over|generated|erwirtschaftete[n]?|erzielte[n]?" r"|réalise|factura"
    r"|facturó)\s(?:[^.;!?\d€$£]{0,30}?)" + _MONEY),
)  # fmt: skip
_NOT_REVENUE = re.compile(
    r"\b(?:your|increase|boost|grow your|ihren?|customers|clients|kunden|savings?|raised|funding"
    r"|investment|target|goal|ziel|objectif|objetivo|market|markt|up to|could|will|plans?|aim|hope"
    r"|expect\w*|forecast|lost|market size|salary|price|from only|per (?:month|year|user))\b",
    re.IGNORECASE,
)
_AS_OF = re.compile(
    r"\b(?:as of|as at|stand:?|a fecha de|fy|end of|ende|fin|finales de|in fiscal|(?:geschäfts"
    r"|wirtschafts)jahr|exercice|ejercicio)\s"
    r"(?:[A-Za-zéûä]{3,10}\s)?(?:\d{1,2},?\s)?(20[0-3]\d)\b|\((?:fy ?)?(20[0-3]\d)\)",
    re.IGNORECASE,
)
_IN_YEAR = re.compile(r"\b(?:in|im jahr|en)\s(20[0-3]\d)\b", re.IGNORECASE)
_YEARISH = re.compile(r"^(?:1[89]|20)\d\d$")


def figures(page: ReadPage, pairs: list[Pair], names: frozenset[str] = frozenset()) -> Iterator[Candidate]:
    """Employees and revenue as labels and sentences give them."""
    for pair in pairs:
        if page.lines[pair.index].quoted:
            continue
        if pair.key is FactKey.EMPLOYEES and (match := re.search(_AMOUNT, pair.value)) and len(pair.value) < 90:
            if not _YEARISH.match(match["value"]) and match.start() < 12:
                yield Candidate(
                    FactKey.EMPLOYEES,
                    match["value"].strip(),
                    "text",
                    pair.start,
                    pair.end,
                    "rule",
                    0.88,
                    _as_of(pair.value),
                )
        elif pair.key is FactKey.REVENUE and (match := re.search(_MONEY, pair.value)) and len(pair.value) < 120:
            as_of = _as_of(f"{pair.label} {pair.value}") or next(iter(re.findall(r"20[0-3]\d", pair.label)), None)
            yield Candidate(FactKey.REVENUE, match["value"].strip(), "text", pair.start, pair.end, "rule", 0.85, as_of)
    for sentence in sentences(page):
        text = sentence.text[:900]
        if sentence.line.quoted or (not any(char.isdigit() for char in text) and len(text) > 300):
            continue
        if about_somebody_else(text) or has_other_subject(text, names):
            continue
        span = (sentence.at, sentence.at + len(text))
        if (found := _employees(text)) is not None and not said_of_another(text[: found[0].start()], names):
            match, confidence = found
            near = span if len(text) < 320 else (sentence.at + match.start(), sentence.at + match.end())
            yield in_line(sentence.line, FactKey.EMPLOYEES, match["value"], near, confidence, as_of=_as_of(text))
        for pattern in _REVENUE:
            money = pattern.search(text)
            if money is not None and not _NOT_REVENUE.search(text[max(0, money.start() - 25) : money.end() + 25]):
                year = money.groupdict().get("year") or _as_of(text) or _year_beside(text, money)
                yield in_line(sentence.line, FactKey.REVENUE, money["value"], span, 0.82, as_of=year)
                break


def _employees(text: str) -> tuple[re.Match[str], float] | None:
    if _NUMBERED.search(text) is None:
        return None
    for confidence, pattern in _EMPLOYEES:
        for match in pattern.finditer(text):
            around = text[max(0, match.start() - 45) : match.end() + 25]
            if _NOT_OURS.search(around) or _YEARISH.match(match["value"]) or _OF_A_GROUP.search(text[: match.start()]):
                continue
            if _AT_ONE_SITE.search(text[: match.end()]):
                continue
            return match, confidence
    return None


def _year_beside(text: str, money: re.Match[str]) -> str | None:
    """The year that stands closest to an amount: behind it, else right before it."""
    after = _IN_YEAR.search(text, money.end())
    if after is not None and after.start() - money.end() < 25:
        return after[1]
    before = list(_IN_YEAR.finditer(text[: money.start()]))
    return (
        before[-1][1]
        if before
        and money.start() - before[-1].end() < 60
        and not re.search(r"\d", text[before[-1].end() : money.start()])
        else None
    )


def _as_of(text: str) -> str | None:
    match = _AS_OF.search(text)
    return next((year for year in match.groups() if year), None) if match else None
