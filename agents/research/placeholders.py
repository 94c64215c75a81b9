"""Values that templates leave behind and that say nothing of anybody: `{{name}}`, Lorem ipsum, `+34`, example.com."""

from __future__ import annotations

import re
from collections.abc import Callable

from agents.documents import FactKey

_FILLER = re.compile(r"\{\{|\}\}|\{%|<%|lorem ipsum|dolor sit amet|consectetur adipi|\blorem\b", re.IGNORECASE)
_ANYWHERE = re.compile(
    r"\{\{|\}\}|\{%|<%|%>|\$\{|\[\[|\]\]|__[A-Z_]{3,}__|%[A-Z_]{3,}%|lorem ipsum|dolor sit amet"
    r"|consectetur adipi|\bTODO\b|\bTBD\b|\bundefined\b"
    r"|\bnull\b|\bNaN\b|\[object Object\]|\bfoo ?bar\b|(?i:\b(?:insert|enter|add|type) (?:your|the"
    r"|a|my)\b[^.]{0,40}\bhere\b)"
    r"|(?i:\byour (?:company|business|name|email|e-mail|phone|address|logo|tagline|text|title"
    r"|website|product|job title|street|city)\b(?: name| goes| here)?$)"
    r"|(?i:^\[[^\]]*\]$)|(?i:^<[^>]*>$)",
)
_WHOLE = re.compile(
    r"(?:just another (?:wordpress|\w+) (?:site|weblog|blog)|un site utilisant wordpress|(?:eine weitere|noch eine)"
    r" wordpress-(?:website|seite)|otro sitio (?:realizado con|de) wordpress|my wordpress (?:blog|site)"
    r"|(?:a |your |short |site |page |meta |the )*description(?: (?:goes )?here)?|(?:a )?default description"
    r"|your|my|the|our|a|company|business|site|website|app|project|page|home ?page|home|index"
    r"|untitled(?: document)?|document|title|name"
    r"|company name|site name|site title|website name|my website|my site|my app|react app"
    r"|vite(?: \+ \w+)*|vue app|next\.?js app|create next app"
    r"|angular|svelte app|gatsby(?: default starter)?|welcome|wordpress|blog|test(?: page)?|demo"
    r"|sample|example|placeholder|description|slogan|tagline"
    r"|startseite|accueil|inicio|willkommen|bienvenue|bienvenidos?|n/?a|none|unknown|null"
    r"|undefined|true|false|-+|\.+|0+|1|x+|asdf\w*|coming soon"
    r"|loading\W*|just a moment\W*|404.*|not found|page not found|403 forbidden|access denied|logo"
    r"|image|img|photo|picture|icon|banner|avatar|client ?\d*"
    r"|customer ?\d*|partner ?\d*|logo ?\d*|brand ?\d*|product ?\d*|service ?\d*|feature ?\d*"
    r"|item ?\d*|city|street|address|country|state|zip|phone"
    r"|telephone|email|e-mail|jane doe|john doe|max mustermann|erika mustermann"
    r"|musterfirma(?: gmbh)?|muster gmbh|mustermann gmbh|acme(?: inc\.?)?"
    r"|musterstra(?:ß|ss)e 1\w*|12345 musterstadt|musterstadt|123 main st(?:reet)?\b.*"
    r"|123 street.*|123 anywhere.*|.*\b(?:any ?town|any ?city|musterstadt)\b.*|https?://|www\.?)",
    re.IGNORECASE,
)
_EMAIL_DOMAINS = re.compile(
    r"@(?:[\w-]+\.)*(?:example\.(?:com|org|net|edu)|domain\.(?:com|tld|de)|yourdomain\.\w+"
    r"|your-?(?:company|site|email|domain)\.\w+|mysite\.com|yoursite\.com"
    r"|email\.com|company\.com|website\.com|site\.com|test\.com|sentry\.io|sentry\.wixpress\.com"
    r"|wixpress\.com|w3\.org|schema\.org|mustermann?\.\w+"
    r"|musterfirma\.\w+|beispiel\.(?:de|com)|exemple\.(?:fr|com)|ejemplo\.(?:es|com)|template\.com|placeholder\.com)$",
    re.IGNORECASE,
)
_EMAIL_NAMES = re.compile(
    r"^(?:your|you|youremail|your\.?name|name|email|user|username|someone|somebody|no-?reply"
    r"|do-?not-?reply|noreply\w*|test|foo|abc|xyz|xxx+|max\.mustermann"
    r"|john\.?doe|jane\.?doe|first\.?last|firstname\.lastname|vorname\.nachname|prenom\.nom"
    r"|mailer-daemon|postmaster|abuse)@",
    re.IGNORECASE,
)
_URL_HOSTS = re.compile(
    r"^(?:https?:)?//(?:www\.)?(?:example\.(?:com|org|net)|domain\.com|yourdomain\.\w+"
    r"|yourwebsite\.\w+|yoursite\.com|website\.com|localhost|127\.|0\.0\.)",
    re.IGNORECASE,
)
_FAKE_DIGITS = re.compile(
    r"^(?:0|00|1)?(?:1234567890|123456789|12345678|0123456789|9876543210|1112223333?|0*)$"
    r"|^(\d)\1{5,}$|(?:^|\D)(\d)\2{7,}|1234567890$"
)


def is_placeholder(key: FactKey, value: str) -> bool:
    """Whether a value is a template's leftover rather than something the page says of a company."""
    text = value.strip(" \t\n.,;:-–|•*")
    if not text or _ANYWHERE.search(text) or _WHOLE.fullmatch(text):
        return True
    if not any(char.isalnum() for char in text):
        return True
    check = _BY_KEY.get(key)
    return check(text) if check is not None else len(text) < 2


def is_leftover(text: str) -> bool:
    """Whether a line is filler of a template, so that nothing in it can be meant."""
    return _FILLER.search(text) is not None


def _phone(text: str) -> bool:
    digits = re.sub(r"\D", "", re.sub(r"\(0\)", "", text))
    national = re.sub(r"^(?:00)?(?:1|34|33|49|44|41|43)(?=\d{8,})", "", digits)
    if not 6 <= len(digits) <= 16:
        return True
    return any(_FAKE_DIGITS.search(form) is not None for form in (digits, national)) or len(set(digits)) <= 2


def _email(text: str) -> bool:
    return _EMAIL_DOMAINS.search(text) is not None or _EMAIL_NAMES.search(text) is not None or "@" not in text


def _url(text: str) -> bool:
    return _URL_HOSTS.search(text) is not None or re.search(r"\.[a-z]{2,}|\.[a-z]{2,}/", text, re.IGNORECASE) is None


def _year(text: str) -> bool:
    return re.search(r"\b(?:1[0-9]|20)\d\d\b", text) is None


def _short(text: str) -> bool:
    return len(text) < 9


def _number(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return int(digits) == 0 if digits else re.search(r"[^\W\d_]{3}", text) is None


_BY_KEY: dict[FactKey, Callable[[str], bool]] = {
    FactKey.PHONE: _phone,
    FactKey.EMAIL: _email,
    FactKey.WEBSITE: _url,
    FactKey.SOCIAL: _url,
    FactKey.FOUNDED: _year,
    FactKey.EMPLOYEES: _number,
    FactKey.REVENUE: _number,
    FactKey.DESCRIPTION: _short,
    FactKey.ADDRESS: _short,
}
