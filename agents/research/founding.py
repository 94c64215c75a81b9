"""When the company was founded: only years that a founding verb or label binds to the company itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.documents import FactKey
from agents.research.candidates import Candidate, folded, in_line
from agents.research.labelled import Pair
from agents.research.pages import ReadPage
from agents.research.sentences import Sentence, about_somebody_else, sentences

_YEAR = r"(?P<year>1[6-9]\d\d|20[0-4]\d)(?![\d-]*\d)"
_MONTHS = r"[A-Za-zäûéáíóúñ]{3,10}\.?"
_DATE = (
    r"(?:(?:on |am |le |el )?(?:\d{1,2}(?:st|nd|rd|th|er|\.|º)?\s+)?(?:de )?(?:"
    + _MONTHS
    + r"\s+)?(?:\d{1,2},\s*)?(?:de(?:l)? )?|\d{1,2}[./]\d{1,2}[./])"
)
_IN = (
    r"\s*[:,(–-]?\s*(?:(?:back |all the way back |way back )?(?:in|im(?: jahre?)?|en(?: l['’]an)?|since|anno|the year|year|el año|dans)\s+(?:the year |the spring of |the summer of |early |late |mid-?)?(?:l['’]année )?|)"
    + _DATE
)

_PATTERNS: tuple[tuple[float, re.Pattern[str]], ...] = (
    # a founding verb, and the year behind it within the same clause
    (0.9, re.compile(
        r"\b(?P<verb>(?:was |were |been |is |are |wurde[n]? |ist |a été |est |fue |es |ha sido )?(?:founded|established|est\.|incorporated|set up|gegründet|ins leben gerufen|fondée?s?|créée?s?|fundad[ao]s?|constituid[ao]s?|cread[ao]s?|founding|formed))"
        r"(?P<gap>(?:[ ,(](?:by|von|durch|par|por|as|als|comme|como|in|at|à|zu|with|mit|near|bei|out of)?[^.;!?\d]{0,70}?)?)" + _IN + _YEAR, re.IGNORECASE)),
    # German and others: the year first, the verb at the end
    (0.88, re.compile(
        r"\b(?P<lead>(?:in|im jahre?|im|anno|seit|en(?: l['’]an)?|fue en|c['’]est en|back in)\s+(?:[A-Za-zéûä]{3,10}\s+)?)" + _YEAR + r",?\s(?P<gap>[^.;!?\d]{0,110}?)\b(?P<verb>(?:we |wir |was |were |had been )?(?:founded|established|gegründet|gründete[n]?|(?:ins leben|aus der taufe) gerufen|fonda|fondée?|créa|créée?|fundó|fundaron|fundada|fundado|nació|set up|started (?:the |this |our )?(?:company|business)|opened (?:its|our|their) (?:first )?doors|naît|est née|entstand|geboren))\b",
        re.IGNORECASE)),
    (0.88, re.compile(r"\b(?P<verb>found(?:ed)? (?:the |our |this )?(?:company|firm|business|studio|agency|brewery|family business)?|gründete[n]?|fonde(?:nt|rent)?|fundó|fundaron|started (?:the |our |this )?(?:company|firm|business|journey|life|trading|out|up|operations)?|began (?:trading|business|operations|life|as)|opened (?:our|its|their|the) (?:first )?(?:doors|shop|workshop|bakery|office|store)|launched(?: the company)?|(?:company|firm|business|story|history|geschichte|histoire|historia|journey) (?:began|begins|starts|started|beginnt|begann|commence|comenzó|comienza|empieza))"
        r"(?P<gap>[^.;!?\d]{0,60}?)\s(?:in|im(?: jahre?)?|en|back in)\s(?:[A-Za-zäé]{3,10}\s)?" + _YEAR, re.IGNORECASE)),
    (0.85, re.compile(r"\b(?P<verb>Gründung(?:sjahr)?|foundation|création|fundación|inception|incorporation|establishment)\s?(?:der (?:firma|gesellschaft)|of the company|de l['’]entreprise|de la empresa)?(?P<gap>)\s?(?:[:,(]|in|im jahre?|en|am|since|year)?\s?" + _DATE + _YEAR, re.IGNORECASE)),
    (0.85, re.compile(r"\b(?P<verb>est(?:d|ab)?\.?|gegr\.)(?P<gap>)\s?(?:in\s)?" + _YEAR, re.IGNORECASE)),
    # "in business since", "family-run since"
    (0.75, re.compile(
        r"\b(?P<verb>(?:in business|in operation|trading|operating|active|around|serving [^.;!?\d]{2,50}|family[- ](?:run|owned)(?: [a-z]+){0,3}|independent|exist(?:s|ed|ing)|providing [^.;!?\d]{2,60}|making [^.;!?\d]{2,40}|(?:makes?|builds?|manufactures?|produces?|supplies|supply|serves?|designs?|provides?|brews?|bakes?|delivers?|crafts?) [^.;!?\d]{2,60}|manufacturing [^.;!?\d]{2,40}|building [^.;!?\d]{2,40}|brewing[^.;!?\d]{0,30}|delivering [^.;!?\d]{2,50}|helping [^.;!?\d]{2,50}|crafting [^.;!?\d]{2,40}|we have been [^.;!?\d]{2,70}|we['’]ve been [^.;!?\d]{2,70}|(?:has|have) been [a-z]+ing [^.;!?\d]{2,60}|familienunternehmen|familiengeführt|inhabergeführt|besteht|bestehen|bestehend|am markt|tätig|(?:traditions|fach|meister|handwerks)?betrieb|entreprise familiale|maison|présente?s?|à votre service|empresa familiar|al servicio de [^.;!?\d]{2,40}))"
        r"(?P<gap>)[ ,]+(?:(?:bereits |schon |ever )?(?:since|seit|depuis|desde)(?: dem jahr| the year| l['’]an| el año)?)\s" + _YEAR, re.IGNORECASE)),
    (0.7, re.compile(r"^(?P<verb>(?:(?:proudly |ever )?since|seit|depuis|desde)(?: dem jahr)?)(?P<gap>)\s" + _YEAR + r"(?=$|[\s,.!–|-])", re.IGNORECASE)),
    (0.7, re.compile(r"(?P<verb>[–|·-]\s(?:since|seit|depuis|desde))(?P<gap>)\s" + _YEAR + r"\.?$", re.IGNORECASE)),
)  # fmt: skip

# What else is founded, joined, certified or born in a year, in the same clause.
_OTHER_THING = re.compile(
    r"\b(?:member|mitglied\w*|membre|miembro|certifi\w+|zertifi\w+|accredited|listed|partner\w*|customers?|clients?|kunde[n]?|clientes?|managing director|geschäftsführer\w*|ceo|leads|led by"
    r"|head of|director|born|geboren|née? en|nació en|building|gebäude|haus wurde|church|town|city|village|stadt|university|universität|school|museum|castle|brewery building|subsidiary|branch|niederlassung|filiale|tochter\w*|foundation|stiftung|fund|club|verein|association|verband"
    r"|patent\w*|award\w*|product line|app|podcast|magazine|newsletter|works council|betriebsrat|apprentice\w*|joined|degree|graduated|acquired|takeover|merger|übernommen|moved|umgezogen|relocated|warehouse|lager|plant|werk|factory|machine|website|office|büro|team|department|division|programme?|initiative|conference|community|committee|scholarship|charity|union|league|standard|chamber|kammer)\b",
    re.IGNORECASE,
)  # fmt: skip
_NOT = re.compile(
    r"\b(?:not|never|nicht|n['’]a pas|no fue|wrongly|incorrectly|rumou?r\w*|allegedly|fälschlich\w*|angeblich|supposedly|legend has it|contrary to)\b",
    re.IGNORECASE,
)
_SELF = re.compile(
    r"^(?:we|wir|nous|our|unser\w*|notre|nuestr[ao]|it|es|the|das|die|der|l['’]|la|el|this|a|an|proudly|originally|first|ursprünglich|family|familienunternehmen|company|firm|business|agency|studio|unternehmen|firma|gesellschaft|entreprise|société|empresa|was|were|has|been|is|wurde|ist|and|und|et|y|who|that|which)$",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(r"(?:[A-ZÄÖÜÉ][\w&'’.-]+(?:\s+(?:&|and|und|et|y|of|de)\s+|\s+)?){1,5}$")


def founding(page: ReadPage, pairs: list[Pair], names: frozenset[str]) -> Iterator[Candidate]:
    """Years the page binds to the founding of the company whose folded name words are `names`."""
    for pair in pairs:
        if pair.key is FactKey.FOUNDED and (match := re.search(r"\b(1[6-9]\d\d|20[0-4]\d)\b", pair.value)):
            if not about_somebody_else(pair.value) and not page.lines[pair.index].quoted and len(pair.value) < 80:
                end = max(pair.end, pair.value_start + match.end())
                yield Candidate(FactKey.FOUNDED, match[1], "text", pair.start, end, "rule", 0.9)
    for sentence in sentences(page):
        if sentence.line.quoted or len(sentence.text) < 8 or not re.search(r"\d{4}", sentence.text):
            continue
        yield from _in_sentence(page, sentence, names)


def _in_sentence(page: ReadPage, sentence: Sentence, names: frozenset[str]) -> Iterator[Candidate]:
    text = sentence.text[:900]
    if about_somebody_else(text) or _NOT.search(text):
        return
    for confidence, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not _bound(text, match, names):
                continue
            if sentence.line.level and page.lines[sentence.index].items and confidence < 0.8:
                continue
            span = (sentence.at, sentence.at + len(sentence.text))
            if len(text) > 320:
                span = (sentence.at + match.start(), sentence.at + match.end())
            yield in_line(page, sentence.line, FactKey.FOUNDED, match["year"], span, confidence)
            return


def _bound(text: str, match: re.Match[str], names: frozenset[str]) -> bool:
    """Whether it is the company that was founded, not something or somebody else the clause names."""
    clause_start = (
        max(
            (text.rfind(mark, 0, match.start()) for mark in (";", " – ", " but ", " aber ", " while ", " whose ")),
            default=-1,
        )
        + 1
    )
    before = text[clause_start : match.start()].strip(" ,(")
    gap = match["gap"] or ""
    own = _mentions(before, names)
    if _OTHER_THING.search(gap) and not _mentions(gap, names):
        return False
    if own:
        return True
    tail = before[-60:]
    if _OTHER_THING.search(tail) and not re.search(
        r"\b(?:company|firm|business|we|wir|unternehmen|entreprise|empresa|agency|studio|team of \w+)\b[^,]*$",
        tail,
        re.IGNORECASE,
    ):
        return False
    subject = re.sub(
        r"\s+(?:was|were|is|are|has|had|been|wurde|ist|a|est|été|fue|first|originally|officially|,)+$",
        "",
        before,
        flags=re.IGNORECASE,
    ).strip(" ,")
    named = _CAPITALISED.search(subject)
    if named is None or not names:
        return True
    words = [w for w in re.split(r"[\s&.,'’-]+", named[0]) if w]
    foreign = [w for w in words if not _SELF.match(w)]
    # One capitalised word at the head of the clause is a noun or a pronoun; two, or one after words, are a name.
    if not foreign:
        return True
    if _mentions(" ".join(foreign), names):
        return True
    return (
        len(foreign) == 1
        and subject == named[0].strip()
        and foreign[0].lower() in ("founded", "established", "gegründet", "story", "history")
    )


def _mentions(text: str, names: frozenset[str]) -> bool:
    words = {folded(word) for word in re.split(r"[\s\-–&,.'’]+", text)}
    return bool(words & names)
