"""How to reach the company: telephone, e-mail, postal address and its profiles elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from agents.documents import FactKey
from agents.research.candidates import Candidate, in_line
from agents.research.labelled import Pair
from agents.research.pages import ReadPage
from agents.research.vocabulary import FAX, PRIVATE

_PHONE = (
    r"(?:\+|00)\d{1,3}[\d\s().\-–/\u00a0]{5,22}\d"
    r"|\(0?\d{2,5}\)[\s.\-–/]?\d[\d\s.\-–/]{3,14}\d"
    r"|0\d{1,5}[\s.\-–/)]{1,3}\d[\d\s.\-–/]{3,14}\d|\d{3}[-.\s]\d{3}[-.\s]\d{4}"
    r"|1[-.\s]\d{3}[-.\s]\d{3}[-.\s]\d{4}|1[38]00[\s-]\d{3}[\s-]\d{3}"
    r"|\d{2,3}(?:[ .]\d{2,3}){3,4}|\d{3}[ .]\d{3}[ .]\d{3}"
)
_PHONE_ALONE = re.compile(
    r"(?<![\w/.,-])(?P<number>" + _PHONE + r")(?:\s?(?:ext\.?|x|Durchwahl|-)\s?\d{1,5})?(?![\w/-])"
)
_PHONE_LABELLED = re.compile(
    r"(?:^|[\s(|•·,;/])(?P<label>(?:tele)?phones?|tel\.?|telefon|telefonnummer|fon|mobile?|mobil"
    r"|cell|call(?: us)?(?: (?:on|at|now|today))?|hotline|ruf(?:nummer)?|tél\.?|téléphone|tlf\.?"
    r"|teléfono|móvil|whatsapp|(?:tele)?fax|telefax|t|p|ph|f|m)\s?(?:\.|:|-"
    r"|–)?\s{0,3}(?P<number>\+?\(?\d[\d\s().\-–/\u00a0]{4,22}\d)(?![\w-])",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"\b(?:phone|tel|telefon|fon|call|mobil|cell|hotline|ruf|tél|téléphone|teléfono|móvil|whatsapp"
    r"|contact|kontakt|contacto|reach|ring|anruf|appelez|llam)\w*",
    re.IGNORECASE,
)
_NOT_PHONE = re.compile(
    r"\b(?:vat|ust|iban|bic|hrb|hra|siret|siren|cif|nif|rcs|register\w*|steuer\w*|account|konto\w*"
    r"|isbn|issn|sku|order|ein|duns|company (?:no|number)|reg\.?|tva|usd|eur|gtin|ean|art\.?-?nr"
    r"|fax|telefax|télécopie|licen[sc]e|permit|uid|abn|acn|kvk|cvr)\b",
    re.IGNORECASE,
)
_DATE_LIKE = re.compile(
    r"^\s*(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(?:19|20)\d\d\s?[-–/]\s?(?:19|20)?\d\d|\d{4}-\d\d-\d\d)\s*$"
)

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}[A-Za-z]{2,24}(?![\w@-])"
)
_VEILED = re.compile(
    r"(?<![\w.+-])([A-Za-z0-9][\w.+-]{0,40})\s?[\[({<]\s?(?:at|ät|@|arroba"
    r"|arobase)\s?[\])}>]\s?([A-Za-z0-9-]{1,60}(?:(?:\.|\s?[\[({<]\s?(?:dot|punkt|point|punto"
    r"|\.)\s?[\])}>]\s?)[A-Za-z0-9-]{1,60}){0,3}(?:\.|\s?[\[({<]\s?(?:dot|punkt|point|punto"
    r"|\.)\s?[\])}>]\s?)[A-Za-z]{2,24})\b",
    re.IGNORECASE,
)
_VEILED_WORDS = re.compile(
    r"(?<![\w.+-])([a-z0-9][\w.+-]{0,40}) (?:at|AT) ([a-z0-9-]{2,60}) (?:dot|DOT) ([a-z]{2,24})\b"
)
_DOT = re.compile(r"\s?[\[({<]\s?(?:dot|punkt|point|punto|\.)\s?[\])}>]\s?", re.IGNORECASE)

_POSTCODE = re.compile(
    r"\b(?:(?:D|A|CH|F|E|DE|AT|FR|ES|B|L|NL|DK|S|N|PL)[- ])?\d{4,5}\s[A-ZÄÖÜÉÈÁÍÓÚ][\w'’À-ÿ.-]+"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b|\b[A-Z]{2}\s\d{5}(?:-\d{4})?\b"
    r"|\b\d{4}\s?[A-Z]{2}\s[A-Z][a-z]+|\b[A-Z]\d[A-Z]\s?\d[A-Z]\d\b|\b\d{2}-\d{3}\s[A-Z]"
    r"|\b\d{3}\s\d{2}\s[A-ZÅÄÖ]|\b[A-Z][a-z]+,?\s(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT)\s\d{4}\b"
)
_STREET = re.compile(
    r"\b(?:(?:Groß|Klein|Alt|Neu|Ober|Unter|Hoh|Lang|Breit|Vorder"
    r"|Hinter)e[nrms]?\s)?(?:[A-ZÄÖÜ][\wäöüß.-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ring"
    r"|damm|ufer|hof|markt|chaussee|graben|kai|steig|brücke|berg|feld|wall|tor|park|gaten|gata"
    r"|gatan|vej|veien|straat|laan|kade|gracht)|(?:[A-ZÄÖÜ][\wäöüß-]+[ -]){1,3}(?:Straße|Strasse"
    r"|Str\.|Weg|Platz|Allee|Gasse|Ring|Damm|Ufer|Chaussee|Markt)|(?:Am|Im|An der|An den|Auf der"
    r"|Auf dem|Zum|Zur|Alte[rs]?|Neue[rs]?|Unter den|Hinter der|In der"
    r"|Beim) [A-ZÄÖÜ][\wäöüß -]{2,30}) \d{1,4}\s?[a-zA-Z]?(?:\s?[-–/+]\s?\d{1,4}\s?[a-z]?)?\b"
    r"|\b(?:[A-Z][\w'’.-]+\s){1,3}(?:Street|Avenue|Road|Lane|Drive|Way|Square|Quay|Terrace|Row"
    r"|Close|Park)\s\d{1,4}[A-Za-z]?\b"
    r"|\b(?:Unit|Suite|Floor|Level|\d{1,6}[A-Za-z]?(?:[-–]\d{1,5})?)[,\s]+(?:[NSEW]\.?\s|North "
    r"|South |East |West )?(?:[A-Z0-9][\w'’.-]*\s){1,5}?(?:Street|St\.?|Avenue|Ave\.?|Road|Rd\.?"
    r"|Lane|Ln\.?|Boulevard|Blvd\.?|Drive|Dr\.?|Way|Court|Ct\.?|Square|Sq\.?|Place|Pl\.?|Quay"
    r"|Parkway|Pkwy|Terrace|Row|Close|Wharf|Yard|Mews|Crescent|Highway|Hwy|Estate|Park|House"
    r"|Gardens|Hill|Walk|Gate|Dock|Embankment|Broadway|Plaza|Circle|Trail|Pike|Alley|Loop|Mill"
    r"|Works)\b"
    r"|\b\d{1,4}\s?(?:bis|ter)?,?\s(?:rue|avenue|av\.|boulevard|bd\.?|place|quai|chemin|allée"
    r"|impasse|cours|route|passage|square|esplanade|faubourg|zone|parc)\s[\w'’À-ÿ .-]{2,50}"
    r"|\b(?:Calle|C/|Avenida|Avda?\.|Av\.|Plaza|Pza\.|Paseo|Pº|Carrer|Ronda|Camino"
    r"|Polígono(?: Industrial)?|Pol\. Ind\.|Travesía|Gran Vía|Rúa|Rambla|Via|Viale|Piazza|Corso"
    r"|Rua|ul\.)\s?[\w'’À-ÿ .]{2,45}?,?\s?(?:n[º°.]\s?)?\d{1,4}\b"
    r"|\bP\.?\s?O\.? Box \d{1,6}|\bPostfach \d[\d ]{1,8}|\bBP \d{1,5}\b",
)
_TOWN = (
    r"(?P<town>[A-ZÄÖÜÉÈÁÍÓÚ][\w'’À-ÿ.-]*(?:[ -](?:am|an|der|im|de|la|le|les|sur|en|del|of"
    r"|upon|[A-ZÄÖÜÉÁÍÓ][\w'’À-ÿ.-]*)){0,3})"
)
_TOWNS = (
    re.compile(r"\b(?P<code>\d{4,5})\s" + _TOWN + r"(?=\s*(?:$|[\n,.;|·(–-]))"),
    re.compile(_TOWN + r",?\s[A-Z]{2}\s\d{5}\b"),
    re.compile(r"(?:^|[\n,]\s?)" + _TOWN + r",?\s[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b"),
)
_REST = re.compile(r"^(?:[A-Z]{1,3}[- ])?[\w'’À-ÿ .,()/–-]{2,60}$")
_COUNTRY = re.compile(r"^(?:Germany|Deutschland|Austria|Österreich|Switzerland" r"|Schweiz|Suisse|France|España"
    r"|Spain|United Kingdom|UK|England|Scotland|Wales|Ireland|USA" r"|U\.S\.A\."
    r"|United States(?: of America)?|Netherlands|The Netherlands" r"|Nederland|Belgium"
    r"|Belgique|Denmark|Danmark|Sweden|Sverige|Norway|Norge" r"|Finland|Poland|Polska|Italy"
    r"|Italia|Portugal|Canada|Australia|Luxembourg|Czech Republic" r"|Estonia|Iceland)\.?$")  # fmt: skip

_SOCIAL = re.compile(
    r"^(?:https?:)?//(?:[a-z]{2,3}\.)?(?:www\.|m\.)?(?P<host>linkedin\.com|twitter\.com|x\.com"
    r"|facebook\.com|instagram\.com|github\.com|gitlab\.com|youtube\.com|xing\.com|tiktok\.com"
    r"|pinterest\.[a-z.]+|vimeo\.com|crunchbase\.com|medium\.com|bsky\.app|threads\.net"
    r"|mastodon\.[a-z]+|kununu\.com|t\.me|discord\.gg|behance\.net"
    r"|dribbble\.com)/(?P<path>[^?#\s]*)",
    re.IGNORECASE,
)
_SHARING = re.compile(
    r"shar(?:e|er|ing)|intent|/hashtag/|plugins/|/search|/status/|/p/[\w-]+|watch\b|/dialog/|login"
    r"|/legal|/policies|^home/?$|username|yourname|your-?(?:page|company|profile)|/issues|/blob/"
    r"|/releases|embed|pin/create|^in/?$|^company/?$",
    re.IGNORECASE,
)


def contacts(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Every way to reach the company that the page shows."""
    yield from _linked(page)
    yield from _phones(page)
    yield from _emails(page)
    yield from addresses(page, pairs)


def _linked(page: ReadPage) -> Iterator[Candidate]:
    for link in page.links:
        scheme, _, rest = link.href.partition(":")
        scheme = scheme.strip().lower()
        if scheme in ("mailto", "tel", "callto") and rest:
            line = page.lines[link.line] if link.line < len(page.lines) else None
            context = page.text[line.start : link.end] if line is not None else ""
            if line is not None and (line.excluded or PRIVATE.search(context[-80:]) or _private_label(page, link.line)):
                continue
            if scheme == "mailto":
                yield from _mail_link(page, link.href, unquote(rest.split("?")[0]).strip(), link.start, link.text)
            else:
                yield from _tel_link(page, link.href, unquote(rest).lstrip("/"), link.text, link.start, context)
        elif match := _SOCIAL.match(link.href):
            path = match["path"].strip("/")
            place = page.quote_of_attribute(("a", "area"), "href", link.href)
            if path and place and not _SHARING.search(path) and not _SHARING.search(link.href):
                yield Candidate(FactKey.SOCIAL, link.href.strip(), "markup", *place, "link", 0.85)


def _mail_link(page: ReadPage, href: str, address: str, start: int, text: str) -> Iterator[Candidate]:
    if not _EMAIL.fullmatch(address):
        return
    at = text.find(address)
    if at >= 0:
        yield Candidate(FactKey.EMAIL, address, "text", start + at, start + at + len(address), "link", 0.97)
    elif place := page.quote_of_attribute(("a", "area"), "href", href):
        yield Candidate(FactKey.EMAIL, address, "markup", *place, "link", 0.95)


def _tel_link(page: ReadPage, href: str, number: str, text: str, start: int, context: str) -> Iterator[Candidate]:
    if FAX.search(context[-25:]) or FAX.search(text):
        return
    shown = re.search(r"\+?\(?\d[\d\s().\-–/\u00a0]{4,24}\d", text)
    if shown and len(re.sub(r"\D", "", shown[0])) >= 6:
        yield Candidate(
            FactKey.PHONE, shown[0].strip(), "text", start + shown.start(), start + shown.end(), "link", 0.96
        )
    elif len(re.sub(r"\D", "", number)) >= 6 and (place := page.quote_of_attribute(("a", "area"), "href", href)):
        yield Candidate(FactKey.PHONE, number.strip(), "markup", *place, "link", 0.9)


def _private_label(page: ReadPage, index: int) -> bool:
    """Whether the line above, or the label of this row, calls what stands here private."""
    if PRIVATE.search(page.lines[index].text[:200]):
        return True
    above = page.lines[index - 1].text if index else ""
    return 0 < len(above) < 40 and PRIVATE.search(above) is not None and not re.search(r"[\d@]", above)


def _phones(page: ReadPage) -> Iterator[Candidate]:
    for index, line in enumerate(page.lines):
        text = line.text[:2_000]
        if line.excluded or not any(char.isdigit() for char in text):
            continue
        private = _private_label(page, index)
        above = page.lines[index - 1].text if index else ""
        taken: list[tuple[int, int]] = []
        for match in _PHONE_LABELLED.finditer(text):
            taken.append(match.span("number"))
            if (
                not FAX.search(match["label"])
                and not private
                and not _DATE_LIKE.match(match["number"])
                and not _NOT_PHONE.search(text[max(0, match.start() - 14) : match.start("number")])
                and (len(match["label"]) > 1 or len(re.sub(r"\D", "", match["number"])) > 7)
            ):
                yield in_line(page, line, FactKey.PHONE, _number(match["number"]), match.span("number"), 0.92)
        for match in _PHONE_ALONE.finditer(text):
            if any(start < match.end() and match.start() < end for start, end in taken) or private:
                continue
            before = text[max(0, match.start() - 25) : match.start()]
            label = before or (above if len(above) < 30 else "")
            if (
                _NOT_PHONE.search(label)
                or FAX.search(before)
                or FAX.fullmatch(above.strip(" .:") or "-")
                or _DATE_LIKE.match(match["number"])
            ):
                continue
            international = match["number"][0] == "+" or match["number"].startswith("00")
            known = _CONTEXT.search(label) or _CONTEXT.search(page.heading_of(index)) or line.region == "footer"
            if international or known or len(text) <= len(match["number"]) + 4 or match["number"][0] == "(":
                yield in_line(
                    page,
                    line,
                    FactKey.PHONE,
                    _number(match["number"]),
                    match.span("number"),
                    0.88 if known or international else 0.7,
                )


def _number(raw: str) -> str:
    number = " ".join(raw.split()).rstrip(" -–/.(")
    return number + ")" if number.count("(") > number.count(")") else number


def _emails(page: ReadPage) -> Iterator[Candidate]:
    for index, line in enumerate(page.lines):
        if line.excluded:
            continue
        text = line.text[:6_000]
        lowered = text.lower()
        if "@" not in text and "at" not in lowered and "ät" not in lowered:
            continue
        if _private_label(page, index) and len(text) < 300:
            continue
        for match in _EMAIL.finditer(text):
            yield in_line(page, line, FactKey.EMAIL, match[0].rstrip("."), match.span(), 0.95)
        for match in _VEILED.finditer(text):
            yield in_line(page, line, FactKey.EMAIL, f"{match[1]}@{_DOT.sub('.', match[2])}", match.span(), 0.85)
        for match in _VEILED_WORDS.finditer(text):
            yield in_line(page, line, FactKey.EMAIL, f"{match[1]}@{match[2]}.{match[3]}", match.span(), 0.7)


def addresses(page: ReadPage, pairs: list[Pair]) -> Iterator[Candidate]:
    """Postal addresses: labelled, in an address element, or a street with its town."""
    for pair in pairs:
        if (
            pair.key is FactKey.ADDRESS
            and re.search(r"\d", pair.value)
            and not PRIVATE.search(pair.label)
            and "@" not in pair.value
            and len(pair.value) < 200
            and (_STREET.search(pair.value) or _POSTCODE.search(pair.value))
        ):
            yield Candidate(FactKey.ADDRESS, _tidy(pair.value), "text", pair.value_start, pair.end, "rule", 0.88)
    used = -1
    for index, line in enumerate(page.lines):
        if line.excluded or index <= used or len(line.text) > 1_500 or _private_label(page, index):
            continue
        for street in _STREET.finditer(line.text[:1_500]):
            start, end, last = _around(page, index, street)
            value = page.text[start:end]
            yield from _town(page.text[line.start + street.end() : end], line.start + street.end())
            if _POSTCODE.search(value):
                yield Candidate(FactKey.ADDRESS, _tidy(value), "text", start, end, "rule", 0.86)
            elif len(line.text) <= street.end() - street.start() + 40:
                yield Candidate(FactKey.ADDRESS, _tidy(value), "text", start, end, "rule", 0.65)
            used = last


def _town(value: str, start: int) -> Iterator[Candidate]:
    """The town of an address, where its place beside the postcode tells it."""
    for pattern in _TOWNS:
        if (match := pattern.search(value)) is not None:
            yield Candidate(
                FactKey.LOCATION,
                match["town"].strip(),
                "text",
                start + match.start(1),
                start + match.end(),
                "rule",
                0.7,
            )
            return


def _around(page: ReadPage, index: int, street: re.Match[str]) -> tuple[int, int, int]:
    """The street, the rest of its line as far as it is an address, and the lines below that finish it."""
    line = page.lines[index]
    start, stop = street.start(), street.end()
    rest = line.text[stop : stop + 90]
    taken = re.match(
        r"[\s,;|·•–-]*(?:[\w'’À-ÿ /-]{1,30}[.,|·•–-]\s*){0,3}?(?:[A-ZÄÖÜÉ][\w'’À-ÿ -]{1,30}\s)?(?:"
        + _POSTCODE.pattern
        + r")[\w'’À-ÿ /()-]*(?:,\s*(?:Germany|Deutschland|France|España|Spain|UK|United Kingdom"
        r"|USA|Austria|Österreich|Switzerland|Schweiz|Netherlands|England|Scotland|Denmark"
        r"|Sweden|Norway|Canada|Australia|Ireland|Belgium))?",
        rest,
    )
    if taken:
        cut = re.search(r"\s(?:Tel|Telefon|Phone|Fax|E-?Mail|Mail|Call|Tél|Web)\b|\s[-–]\s", taken[0][3:])
        stop += cut.start() + 3 if cut else taken.end()
        return line.start + start, line.start + stop, index
    if re.match(r",\s*[A-Z][\w'’À-ÿ .-]{2,40}(?:,\s*[A-Z][\w .-]{1,30})?$", rest.rstrip(".")):
        stop = len(line.text.rstrip("."))
    last, end = index, line.start + stop
    if stop >= len(line.text.rstrip(" ,")) - 1 or len(line.text) - stop < 25:
        for number in range(index + 1, min(index + 4, len(page.lines))):
            other = page.lines[number]
            town = _POSTCODE.search(other.text)
            if other.excluded or other.level or len(other.text) > 70 or not _REST.match(other.text.rstrip(".")):
                break
            if (
                (town and town.start() <= 30)
                or _COUNTRY.match(other.text)
                or (
                    other.parent == line.parent
                    and last == number - 1
                    and number < index + 3
                    and not re.search(r"\d{5,}|@|:", other.text)
                    and _later_town(page, number)
                )
            ):
                end, last = other.end, number
            else:
                break
    return line.start + start, end, last


def _later_town(page: ReadPage, number: int) -> bool:
    following = page.lines[number + 1] if number + 1 < len(page.lines) else None
    return (
        following is not None
        and following.parent == page.lines[number].parent
        and _POSTCODE.search(following.text) is not None
    )


def _tidy(value: str) -> str:
    parts = [" ".join(part.split()).strip(" ,;|·•–-") for part in re.split(r"\n|\s[|·•]\s", value)]
    return ", ".join(part for part in parts if part)


def host_of(address: str) -> str:
    """The host of a web address, lower case, without `www.`; an empty string where there is none."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    return host.lower().removeprefix("www.").rstrip(".")
