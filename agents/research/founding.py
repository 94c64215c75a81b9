"""When the company was founded: only years that a founding verb or label binds to the company itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from agents.documents import FactKey
from agents.research.candidates import Candidate, folded, in_line
from agents.research.labelled import Pair
from agents.research.pages import Line, ReadPage
from agents.research.sentences import Sentence, about_somebody_else, said_of_another, sentences, sentences_of
from agents.research.suspicion import is_instruction

_YEAR = r"(?P<year>1[6-9]\d\d|20[0-4]\d)(?![\d-]*\d)"
_MONTHS = r"[A-Za-zäûéáíóúñ]{3,10}\.?"
_DATE = (
    r"(?:(?:on |am |le |el )?(?:\d{1,2}(?:st|nd|rd|th|er|\.|º)?\s+)?(?:de )?(?:"
    + _MONTHS
    + r"\s+)?(?:\d{1,2},\s*)?(?:de(?:l)? )?|\d{1,2}[./]\d{1,2}[./])"
)
_IN = (
    r"\s*[:,(–-]?\s*(?:(?:back |all the way back |way back )?(?:in|im(?: jahre?)?|en(?: l['’]an)?|nel|år|i"
    r"|since|anno|the year|year|el año|dans)\s+(?:the year |the spring of |the summer of |early "
    r"|late |mid-?)?(?:l['’]année )?|)" + _DATE
)

_PATTERNS: tuple[tuple[float, re.Pattern[str]], ...] = (
    # a founding verb, and the year behind it within the same clause
    (0.9, re.compile(
        r"\b(?P<verb>(?:was |were |been |is |are |wurde[n]? |ist " r"|a été |est |fue |es "
        r"|ha sido )?(?:founded|established|est\.|incorporated|set up" r"|gegründet|ins leben gerufen"
        r"|fondée?s?|créée?s?|fundad[ao]s?|constituid[ao]s?" r"|cread[ao]s?|founding|formed"
        r"|opgericht|gesticht|fondat[ao]|nata|nació|nace|grundad(?:es)?|grundlagt|stiftet|etablert))"
        r"(?P<gap>(?:[ ,(](?:by|von|durch|par|por|as|als|comme|como|in" r"|at|à|zu|with|mit|near|bei"
        r"|out of)?[^.;!?\d]{0,70}?)?)" + _IN + _YEAR, re.IGNORECASE)),
    # German and others: the year first, the verb at the end
    (0.88, re.compile(
        r"\b(?P<lead>(?:in|im jahre?|im|anno|seit|en(?: l['’]an)?" r"|fue en|c['’]est en"
        r"|back in)\s+(?:[A-Za-zéûä]{3,10}\s+)?)" + _YEAR + r",?\s(?P<gap>[^.;!?\d]{0,110}?)\b(?P<verb>(?:we |wir |was "
        r"|were " r"|had been )?(?:founded|established|gegründet|gründete[n]?" r"|(?:ins leben"
        r"|aus der taufe) gerufen|fonda|fondée?|créa|créée?|fundó" r"|fundaron|fundada|fundado"
        r"|nació|opgericht|gesticht|fondata|grundade[ns]?|grundades|grundlagt|stiftet|set up|started (?:the |this "
        r"|our )?(?:company" r"|business)|opened (?:its|our"
        r"|their) (?:first )?doors|naît|est née|entstand|geboren))\b",
        re.IGNORECASE)),
    # "wurde 1963 in Herisau gegründet", "2014 von drei Informatikern gegründet"
    (0.88, re.compile(
        r"(?P<lead>^|(?:\b(?:wurde[n]?|ward|die|der|das|eine?)\s)|[,(]\s?)" + _YEAR + r"\s(?P<gap>(?:(?:in|von|vom|als"
        r"|aus|durch|mit|am|an)\s[^.;!?\d]{2,90}?\s)?)(?P<verb>(?:neu )?gegründete?[nrs]?|ins leben gerufene?[nrs]?)\b",
        re.IGNORECASE)),
    (0.88, re.compile(r"\b(?P<verb>found(?:ed)? (?:the |our |this )?(?:company|firm" r"|business|studio|agency"
        r"|brewery|family business)?|gründete[n]?|fonde(?:nt|rent)?" r"|fundó|fundaron"
        r"|started (?:the |our |this )?(?:company|firm|business" r"|journey|life|trading|out|up"
        r"|operations)?|began (?:trading|business|operations|life|as)" r"|opened (?:our|its|their"
        r"|the) (?:first )?(?:doors|shop|workshop|bakery|office|store)"
        r"|launched(?: the company)?|(?:company|firm|business|story" r"|history|geschichte"
        r"|histoire|historia|journey|it all|everything|alles|tout|todo) (?:a |all )?(?:began|begins|starts"
        r"|started" r"|beginnt|begann|commencé?"
        r"|comenzó|comienza|empieza))"
        r"(?P<gap>[^.;!?\d]{0,60}?)\s(?:in|im(?: jahre?)?|en" r"|back in)\s(?:[A-Za-zäé]{3,10}\s)?" + _YEAR,
        re.IGNORECASE)),
    (0.85, re.compile(r"\b(?P<verb>Gründung(?:sjahr)?|foundation|création|fundación" r"|inception|incorporation"
        r"|establishment)\s?(?:der (?:firma|gesellschaft)" r"|of the company|de l['’]entreprise"
        r"|de la empresa)?(?P<gap>)\s?(?:[:,(]|in|im jahre?|en|am" r"|since|year)?\s?" + _DATE + _YEAR, re.IGNORECASE)),
    (0.85, re.compile(r"\b(?P<verb>est(?:d|ab)?\.?|gegr\.)(?P<gap>)\s?(?:in\s)?" + _YEAR, re.IGNORECASE)),
    # "in business since", "family-run since"
    (0.75, re.compile(
        r"\b(?P<verb>(?:in business|in operation|trading|operating" r"|active|around"
        r"|serving [^.;!?\d]{2,50}|family[- ](?:run" r"|owned)(?: [a-z]+){0,3}|independent|exist(?:s"
        r"|ed|ing)|providing [^.;!?\d]{2,60}|making [^.;!?\d]{2,40}" r"|(?:makes?|builds?"
        r"|manufactures?|produces?|supplies|supply|serves?|designs?" r"|provides?|brews?|bakes?"
        r"|delivers?|crafts?) [^.;!?\d]{2,60}" r"|manufacturing [^.;!?\d]{2,40}"
        r"|building [^.;!?\d]{2,40}|brewing[^.;!?\d]{0,30}" r"|delivering [^.;!?\d]{2,50}"
        r"|helping [^.;!?\d]{2,50}|crafting [^.;!?\d]{2,40}" r"|we have been [^.;!?\d]{2,70}"
        r"|we['’]ve been [^.;!?\d]{2,70}|(?:has" r"|have) been [a-z]+ing [^.;!?\d]{2,60}"
        r"|familienunternehmen|familiengeführt|inhabergeführt|besteht" r"|bestehen|bestehend|am markt"
        r"|tätig|(?:traditions|fach|meister|handwerks)?betrieb" r"|entreprise familiale|maison"
        r"|présente?s?|à votre service|empresa familiar" r"|al servicio de [^.;!?\d]{2,40}))"
        r"(?P<gap>)[ ,]+(?:(?:bereits |schon |ever )?(?:since|seit" r"|depuis|desde)(?: dem jahr"
        r"| the year| l['’]an| el año)?)\s" + _YEAR, re.IGNORECASE)),
    (0.88, re.compile(r"^" + _YEAR + r"\s?[:–|-]?\s?(?P<gap>)(?P<verb>(?:year )?(?:founded"
        r"|established|of foundation)" r"|(?:company |firm )founded|gegründet|gründung(?:sjahr)?"
        r"|firmengründung|fondation" r"|création|année de création|fundación|año de fundación)\.?$", re.IGNORECASE)),
    (0.7, re.compile(r"^(?P<verb>(?:(?:proudly |ever )?since|seit|depuis"
        r"|desde)(?: dem jahr)?)(?P<gap>)\s" + _YEAR + r"(?=$|[\s,.!–|-])", re.IGNORECASE)),
    (0.7, re.compile(r"(?P<verb>[–|·-]\s(?:since|seit|depuis|desde))(?P<gap>)\s" + _YEAR + r"\.?$", re.IGNORECASE)),
)  # fmt: skip

_OWN_SINCE = re.compile(
    r"(?P<lead>[^.;,!?\d]{2,90}?),?\s(?:since|seit|depuis|desde)(?: dem jahr)?\s" + _YEAR, re.IGNORECASE
)

# What else is founded, joined, certified or born in a year, in the same clause.
_OTHER_THING = re.compile(
    r"\b(?:member|mitglied\w*|membre|miembro|certifi\w+|zertifi\w+" r"|accredited|listed|partner\w*"
    r"|customers?|clients?|kunde[n]?|clientes?|managing director" r"|geschäftsführer\w*|ceo|leads" r"|led by"
    r"|head of|director|born|geboren|née? en|nació en|building|gebäude|haus wurde|church|town|city"
    r"|village|stadt|university|universität|school|museum|castle" r"|brewery building|subsidiary"
    r"|branch|niederlassung|filiale|tochter\w*|foundation|stiftung" r"|fund|club|verein|association" r"|verband"
    r"|patent\w*|award\w*|product line|app|podcast|magazine" r"|newsletter|works council|betriebsrat"
    r"|apprentice\w*|joined|degree|graduated|acquired|takeover" r"|merger|übernommen|moved|umgezogen"
    r"|relocated|warehouse|lager|plant|werk|factory|machine" r"|website|office|büro|team|department"
    r"|division|programme?|initiative|conference|community" r"|committee|scholarship|charity|union"
    r"|league|standard|chamber|kammer)\b",
    re.IGNORECASE,
)  # fmt: skip
# "In 2008 we founded our subsidiary": what the verb takes, where it comes behind the year.
_FOUNDED_SOMETHING = re.compile(
    r"\s(?:(?:wir|we|nous|sie|er|the|our|its|a|an|die|der|das|eine?n?|unsere?|ihre?|la|le|une?|notre|sa|una?|el|su|new"
    r"|neue|first|erste)\s){0,4}(?:[\w-]+\s){0,2}?(?:tochter\w*|niederlassung|subsidiary|branch|filiale?|sucursal"
    r"|joint venture|stiftung|foundation|fundación|fondation|werk|abteilung|division|abteilung|office|büro|bureau"
    r"|delegación|akademie|academy|verein|charity|sister company|schwester\w*)\b",
    re.IGNORECASE,
)
_AUXILIARY = re.compile(r"(?:was|were|been|is|are|had|wurde|ist|a été|est|fue|es|ha sido|we|wir)\b", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:not|never|nicht|n['’]a pas|no fue|wrongly|incorrectly|rumou?r\w*|allegedly"
    r"|fälschlich\w*|angeblich|supposedly|legend has it|contrary to)\b",
    re.IGNORECASE,
)
_SELF = re.compile(
    r"^(?:we|wir|nous|our|unser\w*|notre|nuestr[ao]|it|es|the|das|die|der|l['’]|la|el|this|a|an"
    r"|proudly|originally|first|ursprünglich|family|familienunternehmen|company|firm|business"
    r"|agency|studio|unternehmen|firma|gesellschaft|entreprise|société|empresa|was|were|has|been"
    r"|is|wurde|ist|and|und|et|y)$",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(r"(?:[A-ZÄÖÜÉ][\w&'’.-]+(?:\s+(?:&|and|und|et|y|of|de)\s+|\s+)?){1,5}$")


def founding(page: ReadPage, pairs: list[Pair], names: frozenset[str]) -> Iterator[Candidate]:
    """Years the page binds to the founding of the company whose folded name words are `names`."""
    for pair in pairs:
        match = re.search(r"\b(1[6-9]\d\d|20[0-4]\d)\b", pair.value)
        if pair.key is not FactKey.FOUNDED or match is None or page.lines[pair.index].quoted or len(pair.value) >= 80:
            continue
        if not about_somebody_else(pair.value):
            end = max(pair.end, pair.value_start + match.end())
            yield Candidate(FactKey.FOUNDED, match[1], "text", pair.start, end, "rule", 0.9)
    for sentence in sentences(page):
        if sentence.line.quoted or len(sentence.text) < 8 or not re.search(r"\d{4}", sentence.text):
            continue
        yield from _in_sentence(page, sentence, names)


def founding_in_meta(page: ReadPage, names: frozenset[str]) -> Iterator[Candidate]:
    """The same rules over the page's description, which stands in the source alone."""
    for meta in ("description", "og:description"):
        tag = page.metas.get(meta)
        content = tag.attributes["content"] if tag is not None else None
        if (
            content is None
            or page.markup[content.start : content.end] != content.value
            or is_instruction(content.value)
        ):
            continue
        line = Line(content.start, content.end, content.value, "meta")
        for sentence in sentences_of(line, -1):
            for found in _in_sentence(page, sentence, names):
                start, end = sentence.line.start + sentence.at, sentence.line.start + sentence.at + len(sentence.text)
                yield replace(found, part="markup", start=start, end=end, confidence=found.confidence - 0.05)


def _in_sentence(page: ReadPage, sentence: Sentence, names: frozenset[str]) -> Iterator[Candidate]:
    text = sentence.text[:900]
    if about_somebody_else(text) or _NOT.search(text):
        return
    for confidence, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not _bound(text, match, names):
                continue
            if sentence.index >= 0 and sentence.line.level and page.lines[sentence.index].items and confidence < 0.8:
                continue
            span = (sentence.at, sentence.at + len(sentence.text))
            if len(text) > 320:
                span = (sentence.at + match.start(), sentence.at + match.end())
            if _FOUNDED_SOMETHING.match(text, match.end()):
                continue
            if confidence < 0.73 and _OTHER_THING.search(text[match.end() : match.end() + 45]):
                continue
            yield in_line(sentence.line, FactKey.FOUNDED, match["year"], span, confidence)
            return
    since = _OWN_SINCE.match(text)
    if since is not None and _mentions(since["lead"], names):
        if _OTHER_THING.search(f"{since['lead']} {text[since.end() : since.end() + 60]}"):
            return
        span = (sentence.at, sentence.at + min(len(sentence.text), 320))
        yield in_line(sentence.line, FactKey.FOUNDED, since["year"], span, 0.72)


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
    if said_of_another(text[clause_start : match.start()], names, at_once=_AUXILIARY.match(match["verb"]) is None):
        return False
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
