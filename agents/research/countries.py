"""Which country a company is in, where an address, a register, a legal form or a domain says it for sure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agents.documents import FactKey
from agents.research.candidates import Candidate, folded
from agents.research.naming import form_of

_NAMES = {
    "AT": "Austria|Österreich|Autriche|Oostenrijk",
    "AU": "Australia|Australien|Australie",
    "BE": "Belgium|België|Belgique|Belgien|Bélgica",
    "CA": "Canada|Kanada|Canadá",
    "CH": "Switzerland|Schweiz|Suisse|Svizzera|Suiza|Zwitserland",
    "CZ": "Czech Republic|Czechia|Česká republika|Česko|Tschechien",
    "DE": "Germany|Deutschland|Allemagne|Alemania|Duitsland|Germania|Tyskland",
    "DK": "Denmark|Danmark|Dänemark|Danemark|Dinamarca",
    "EE": "Estonia|Eesti",
    "ES": "Spain|España|Spanien|Espagne|Spanje|Spagna",
    "FI": "Finland|Suomi|Finnland|Finlande",
    "FR": "France|Frankreich|Francia|Frankrijk",
    "GB": "United Kingdom|Great Britain|UK|U.K.|England|Scotland|Wales|Northern Ireland|Großbritannien|Royaume-Uni"
    "|Vereinigtes Königreich|Reino Unido|GB",
    "HU": "Hungary|Magyarország|Ungarn",
    "IE": "Ireland|Éire|Irland|Irlande|Republic of Ireland",
    "IS": "Iceland|Ísland",
    "IT": "Italy|Italia|Italien|Italie|Italië",
    "LI": "Liechtenstein",
    "LU": "Luxembourg|Luxemburg|Lëtzebuerg",
    "NL": "Netherlands|The Netherlands|Nederland|Niederlande|Pays-Bas|Países Bajos|Holland|Paesi Bassi",
    "NO": "Norway|Norge|Norwegen|Norvège",
    "NZ": "New Zealand|Neuseeland",
    "PL": "Poland|Polska|Polen|Pologne",
    "PT": "Portugal",
    "SE": "Sweden|Sverige|Schweden|Suède",
    "US": "USA|U.S.A.|US|U.S.|United States|United States of America|Vereinigte Staaten|États-Unis",
}
_BY_NAME = {folded(name): code for code, names in _NAMES.items() for name in names.split("|")}
_CODES = frozenset(_NAMES)
COUNTRY_NAME = "(?:" + "|".join(
    sorted((re.escape(name) for names in _NAMES.values() for name in names.split("|") if len(name) > 2), key=len,
           reverse=True)
) + ")"  # fmt: skip
STATES = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho"
    r"|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi"
    r"|Missouri|Montana|Nebraska|Nevada|New (?:Hampshire|Jersey|Mexico|York)|(?:North|South) (?:Carolina|Dakota)|Ohio"
    r"|Oklahoma|Oregon|Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia"
    r"|Wisconsin|Wyoming)"
)

# What only one country writes like this; a bare row of digits says nothing.
_FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("GB", re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]?)\s\d[ABD-HJLNP-UW-Z]{2}\b")),
    ("US", re.compile(r"\b" + STATES + r"\s+\d{5}(?:-\d{4})?\b")),
    ("NL", re.compile(r"\b[1-9]\d{3}\s?[A-Z]{2}\s+[A-Z][a-z]")),
    ("CA", re.compile(r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z]\s?\d[A-Z]\d\b")),
    ("AU", re.compile(r"\b(?:NSW|VIC|QLD|TAS)\s\d{4}\b")),
    ("IT", re.compile(r"\b\d{5}\s[A-Z][\w' À-ž]+\s\([A-Z]{2}\)")),
    ("PT", re.compile(r"\b\d{4}-\d{3}\s[A-Z]")),
)
_PREFIX = re.compile(r"\b(?P<prefix>DE?|AT?|CH|FR?|ES?|IT?|BE?|LU?|DK|SE?|NO?|FIN?|NL|PL|CZ)[-–]\d{3}")
_ONE_LETTER = {"D": "DE", "A": "AT", "F": "FR", "E": "ES", "I": "IT", "B": "BE", "L": "LU", "S": "SE", "N": "NO",
               "FIN": "FI"}  # fmt: skip
_REGISTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("DE", re.compile(r"\bHR[AB]\s?\d|\bAmtsgericht\b|\bUSt-?Id\S*\s?(?:Nr\.?:?)?\s*DE\s?\d{9}")),
    ("AT", re.compile(r"\bFirmenbuch|\bATU\s?\d{8}\b")),
    ("CH", re.compile(r"\bCHE-\d{3}\.\d{3}\.\d{3}\b")),
    ("FR", re.compile(r"\bRCS\s(?:de\s)?[A-Z]|\bSIRE[NT]\b")),
    ("NL", re.compile(r"\bK[Vv]K\b[-\s.:nr]{0,8}\d{8}\b")),
    ("ES", re.compile(r"\bRegistro Mercantil\b")),
    ("IT", re.compile(r"\bP\.?\s?IVA\b|\bPartita IVA\b")),
    ("DK", re.compile(r"\bCVR\b[-\s.:nr]{0,8}\d{8}\b")),
    ("GB", re.compile(r"\b[Rr]egistered in (?:England|Scotland|Wales|Northern Ireland)\b")),
)
_FORMS = {"ek": "DE", "ughaftungsbeschrankt": "DE", "sl": "ES", "slu": "ES", "slne": "ES", "srl": "IT", "spa": "IT",
          "aps": "DK", "oy": "FI", "oyj": "FI", "spzoo": "PL", "kft": "HU", "eurl": "FR", "sasu": "FR",
          "llc": "US"}  # fmt: skip
_ENDINGS = frozenset({"de", "at", "ch", "nl", "fr", "es", "it", "be", "dk", "se", "no", "fi", "pl", "cz", "ie", "lu"})


def code_of(value: str) -> str | None:
    """The code of a country given by code or by name; None for anything else."""
    text = value.strip(" .,")
    return text.upper() if text.upper() in _CODES else _BY_NAME.get(folded(text))


def country_of(found: Iterable[Candidate], domain: str | None, text: str) -> str | None:
    """The country that the surest kind of evidence agrees on; None where it does not agree, or there is none."""
    candidates = list(found)
    addresses = [c.value for c in candidates if c.key is FactKey.ADDRESS and c.confidence >= 0.8]
    names = [c.value for c in candidates if c.key is FactKey.LEGAL_NAME]
    ending = (domain or "").rsplit(".", 1)[-1]
    for said in (
        {code for value in addresses if (code := named_in(value))},
        {code for value in addresses if (code := _formatted(value))},
        {code for code, pattern in _REGISTERS if pattern.search(text)},
        {_FORMS[form] for name in names if (form := form_of(name)) in _FORMS},
        {ending.upper()} if ending in _ENDINGS else {"GB"} if ending == "uk" else set(),
    ):
        if said:
            return said.pop() if len(said) == 1 else None
    return None


def named_in(address: str) -> str | None:
    """The country that an address names at its end, or before its postcode."""
    if (code := code_of(re.split(r"[,\n]", address)[-1])) is not None:
        return code
    match = _PREFIX.search(address)
    return _ONE_LETTER.get(match["prefix"], match["prefix"]) if match else None


def _formatted(address: str) -> str | None:
    return next((code for code, pattern in _FORMATS if pattern.search(address)), None)
