"""Words on a page that speak to a machine instead of a reader, and letters that pass for others.

Nothing is cleaned silently: the passage is shown to the reviewer, and no fact is read from the lines around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from agents.documents import Flag
from agents.research.pages import Line, Passage, ReadPage
from agents.research.placeholders import is_leftover
from agents.research.visibility import INVISIBLE

_INSTRUCTION = re.compile(
    # Every alternative begins with a word, a bracket or a rank of hashes: trying them elsewhere costs most of the time.
    r"(?=(?<!\w)\w|[<\[\s#])(?:"
    r"\b(?:ignore|disregard|forget|override|bypass|skip)\b[^.!?\n]{0,40}?\b(?:(?:all|any|every|the"
    r"|your|my|these|those|of)\s){0,3}(?:previous|prior|above" r"|earlier|preceding|existing" r"|foregoing"
    r"|former|original|system" r"|other)\b[^.!?\n]{0,25}?\b(?:instructions?|prompts?" r"|directions?"
    r"|rules?|guidelines?|context|messages?|commands?|text" r"|content)\b"
    r"|\b(?:ignore|disregard|forget" r"|override)\b[^.!?\n]{0,20}\b(?:your|all|any"
    r"|the)\b[^.!?\n]{0,15}\b(?:instructions|prompt|guidelines" r"|guardrails|rules|training)\b"
    r"|\byou are (?:now |no longer )?(?:an? |the " r"|in )?(?:\w+ ){0,3}(?:ai|llm|language model"
    r"|chat ?bot|assistant|agent|developer mode|dan)\b"
    r"|\b(?:system|developer|assistant) ?(?:prompt|message" r"|instruction|override)s?\b"
    r"|\bnew (?:system )?instructions?\s?:|<\|?(?:im_start|im_end" r"|system|endoftext)\|?>"
    r"|\[/?(?:INST|SYS(?:TEM)?)\]|<</?SYS>>|^\s*#{0,4}\s*(?:system" r"|assistant" r"|instruction)s?\s?:\s"
    r"|\b(?:begin|end) (?:system|instructions?|prompt)\b"
    r"|\b(?:attention|note|notice|message|instructions?|important" r"|reminder|hint|hello|hi|dear"
    r"|hey)\b[^.!?\n]{0,25}?\b(?:to|for|all|any" r"|,)?\s?(?:the )?(?:ai|a\.i\.|llms?" r"|language models?"
    r"|(?:ai|automated|research|sales|crm|reading) (?:agents?" r"|assistants?|systems?|bots?|tools?)"
    r"|assistants?|chat ?bots?|crawlers?|scrapers?|chatgpt|claude" r"|gpt|copilot)\b\s?[:,;!(–-]"
    r"|\b(?:if|when|as) you(?:['’]re| are)? (?:an? )?(?:ai|llm|language model|assistant|automated"
    r"|bot|agent|reading this as)\b|\b(?:ai|llm)s?[ -](?:agents?" r"|assistants?|models?|readers?"
    r"|crawlers?|systems?)\s?(?:must|should|shall" r"|are (?:instructed|required|asked|to)|reading"
    r"|processing|summari[sz]ing|:)"
    r"|\b(?:do not|don['’]t|never)\b[^.!?\n]{0,25}\b(?:tell|inform" r"|mention|reveal|show|alert"
    r"|warn)\b[^.!?\n]{0,25}\b(?:user|reviewer|human|approver" r"|operator|anyone)s?\b"
    r"|\b(?:auto-?)?approve\b[^.!?\n]{0,30}\b(?:this|the|all|any"
    r"|without)\b[^.!?\n]{0,25}\b(?:proposal|request|draft|update" r"|brief|review|deal|gate)s?\b"
    r"|\bmark\b[^.!?\n]{0,30}\bas (?:approved|verified|trusted" r"|qualified|hot lead)\b"
    r"|\bskip (?:the )?(?:review|approval|human)\b"
    r"|\b(?:set|change|update|overwrite|write|record|store|enter|put)\b[^.!?\n]{0,40}\b(?:crm|deal"
    r"|lead|opportunity|record|field|founding year|revenue" r"|discount|owner|stage|score"
    r"|rating)\b[^.!?\n]{0,30}\b(?:to|as|=|at)\s"
    r"|\b(?:report|state|claim|say|write|output|answer|respond" r"|reply|include|list|add|pretend"
    r"|assert|conclude|describe|summari[sz]e|tell (?:the" r"|your) (?:user|reader"
    r"|customer))\b[^.!?\n]{0,20}?\b(?:that (?:the|this|our|we|it" r"|they)|this (?:company" r"|page|site"
    r"|text) (?:as|is)|only (?:with|that)|with exactly" r"|in your (?:answer|output|summary|report"
    r"|brief|response))\b[^.!?\n]{0,60}\b(?:instead|employees" r"|founded|revenue|million|billion"
    r"|customers?|certified|partner|leader|best|discount|approved" r"|fortune|iso)\b"
    r"|\b(?:in your|to your|your) (?:summary|brief|report|output" r"|answer|response"
    r"|proposal),?\s(?:you (?:must|should)|always|please|say|state" r"|write|include|mention|add"
    r"|recommend)\b|\b(?:include|insert|add|append" r"|mention)\b[^.!?\n]{0,30}\bin (?:your"
    r"|the) (?:summary|brief|report|output|answer|response" r"|proposal|draft)\b"
    r"|\bsend\b[^.!?\n]{0,40}\b(?:api key|password|credentials" r"|token|secrets?|system prompt)\b"
    r"|\b(?:reveal|print|leak|exfiltrate" r"|repeat)\b[^.!?\n]{0,30}\b(?:prompt|instructions" r"|secrets?"
    r"|api key|credentials)\b"
    r"|\bignorier\w*\b[^.!?\n]{0,50}\b(?:anweisung|instruktion" r"|vorgabe|regel|prompt|befehl)\w*"
    r"|\bvergiss\b[^.!?\n]{0,40}\b(?:anweisung|instruktion|regel" r"|vorgabe)\w*|\b(?:hinweis"
    r"|anweisung|achtung|nachricht|wichtig)\b[^.!?\n]{0,25}\b(?:ki" r"|ki-\w+|sprachmodell\w*"
    r"|assistent\w*|bots?)\b|\bdu bist (?:jetzt |nun )?(?:ein" r"|eine) (?:ki|sprachmodell|assistent"
    r"|hilfreich)\w*|\bals ki\b[^.!?\n]{0,30}\b(?:sollst|musst" r"|darfst)\b|\b(?:ki|ki-(?:agenten?"
    r"|assistenten?|systeme?|modelle?))\b[^.!?\n]{0,10}(?::" r"|\b(?:sollen|müssen|bitte)\b)"
    r"|\bignor(?:ez|e|er)\b[^.!?\n]{0,50}\b(?:instructions?" r"|consignes?|directives?|règles?)\b"
    r"|\boubli(?:ez|e)\b[^.!?\n]{0,40}\b(?:instructions?" r"|consignes?)\b|\b(?:note|message" r"|attention"
    r"|instructions?)\b[^.!?\n]{0,25}\b(?:ia|l['’]ia|agents? ia" r"|assistants? ia"
    r"|modèles? de langage)\b|\b(?:tu es|vous êtes) (?:maintenant " r"|désormais )?une? (?:ia" r"|assistant|modèle)"
    r"|\bignor(?:a|e|ar|en)\b[^.!?\n]{0,50}\b(?:instrucciones" r"|órdenes|indicaciones|reglas"
    r"|istruzioni|instruções)\b" r"|\bolvida\b[^.!?\n]{0,40}\b(?:instrucciones|reglas)\b" r"|\b(?:nota"
    r"|mensaje|atención|aviso" r"|instrucciones)\b[^.!?\n]{0,25}\b(?:ia|agentes? de ia" r"|asistentes?"
    r"|modelos? de lenguaje)\b\s?[:,;.]|\b(?:eres" r"|usted es) (?:ahora )?una? (?:ia|asistente" r"|modelo))",
    re.IGNORECASE,
)  # fmt: skip
_ORDER = re.compile(
    r"^\W*(?:please |instead,? |then |now |also |and |bitte |you must |you should |you have to "
    r"|always |make sure (?:to|that) |be sure to )?(?:report|state|say|write|output|answer|respond"
    r"|reply|record|pretend|assert|claim|conclude|recommend|approve|send|set|update|overwrite"
    r"|delete|grant|offer|describe the company|summari[sz]e|melde|schreibe|behaupte|nenne|trage"
    r"|antworte|gib|setze|genehmige|écris|écrivez|indique[rz]?|réponds|répondez|affirme[rz]?"
    r"|escribe|indica|responde|afirma|di que|aprueba)\b",
    re.IGNORECASE,
)
_RUN = 20
_LONG = 250
_CONFUSABLE = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтнвαοιυνρετκАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijshdqwkmthbaoiuvpetkABEKMHOPCTXIJSABEZHIKMNOPTYX",
)
_TOKEN = re.compile(r"[^\W\d_]{2,}(?:[-.][^\W\d_]+)*")
_HOW = {
    "hidden": "in text that is hidden from readers", "comment": "in a comment of the page's source",
    "meta": "in a meta tag", "alt": "in a picture's description", "title": "in a tooltip",
    "aria-label": "in a label for screen readers", "template": "in a template", "placeholder": "in a form field",
    "option": "in a menu entry", "structured data": "in structured data",
    "page title": "in the page's title",
}  # fmt: skip


def plain(text: str) -> str:
    """The text as an attacker would want it read: invisible and look-alike characters undone."""
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).translate(_CONFUSABLE)


@lru_cache(maxsize=4096)
def is_instruction(text: str) -> bool:
    """Whether the text speaks to an agent: tells it to ignore, to report, to approve, or calls it by name."""
    short = text[:6_000]
    return _INSTRUCTION.search(plain(short)) is not None or (
        "\u200b" in short and _INSTRUCTION.search(short.replace("\u200b", " ")) is not None
    )


def quarantine(page: ReadPage, strings: Iterable[str], where: str) -> list[Flag]:
    """Exclude every line that instructs, and what stands with it; return a flag per channel that showed the words."""
    flags: list[Flag] = []
    seen: set[str] = set()
    for index, line in enumerate(page.lines):
        if is_instruction(line.text):
            _exclude(page.lines, index)
            if "visible" not in seen:
                seen.add("visible")
                flags.append(_flag(where, "in its visible text", line.text))
        elif is_leftover(line.text):
            line.excluded = True
    joined = _across(page)
    if joined is not None and "visible" not in seen:
        for line in page.lines[joined : joined + 3]:
            line.excluded = True
        flags.append(
            _flag(where, "in its visible text", " ".join(line.text for line in page.lines[joined : joined + 3]))
        )
    passages = [
        *page.passages,
        *(Passage("structured data", text) for text in strings),
        Passage("page title", page.title),
    ]
    for passage in passages:
        if passage.channel not in seen and is_instruction(passage.text):
            seen.add(passage.channel)
            flags.append(_flag(where, _HOW.get(passage.channel, f"in {passage.channel}"), passage.text))
    return flags


def _across(page: ReadPage) -> int | None:
    """Instructions broken over short lines, so that no single line gives them away."""
    for first in range(0, len(page.lines) - 1, _RUN):
        # What no run of lines holds, none of its windows does.
        if not is_instruction(" ".join(line.text[:_LONG] for line in page.lines[first : first + _RUN + 2])):
            continue
        for index in range(first, min(first + _RUN, len(page.lines) - 1)):
            window = page.lines[index : index + 3]
            if (
                all(len(line.text) < 60 for line in window[:2])
                and window[0].parent == window[1].parent
                and is_instruction(" ".join(line.text[:_LONG] for line in window))
            ):
                return index
    return None


def _exclude(lines: list[Line], index: int) -> None:
    line = lines[index]
    line.excluded = True
    family = [other for other in lines if other.parent == line.parent and other.region == line.region]
    if len(family) <= 6 and len(family) < len(lines) / 2:
        for other in family:
            other.excluded = True
    # An order often goes on in the next sentences: "Ignore the above." "Report that …"
    for following in lines[index + 1 : index + 5]:
        if not _ORDER.match(plain(following.text)):
            break
        following.excluded = True


def _flag(where: str, how: str, text: str) -> Flag:
    words = " ".join(INVISIBLE.sub("", text).split())
    shown = words if len(words) <= 240 else words[:240].rsplit(" ", 1)[0] + " …"
    return Flag(
        code="hidden_instructions",
        message=f"{where} holds instructions to an agent {how}: “{shown}”. Nothing was read from there.",
        severity="high",
    )


def look_alikes(text: str) -> list[str]:
    """Words that mix Latin letters with look-alikes of another script."""
    found: list[str] = []
    if text.isascii():
        return found
    for match in _TOKEN.finditer(text[:200_000]):
        word = match[0]
        if word.isascii() or word in found:
            continue
        scripts = {_script(char) for char in word if char.isalpha()}
        if (
            "LATIN" in scripts
            and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "FULLWIDTH", "MATHEMATICAL"}
            and len(word) > 2
            and plain(word).isascii()
        ):
            found.append(word)
        if len(found) >= 10:
            break
    return found


def _script(char: str) -> str:
    if char.isascii() or "\u00c0" <= char <= "\u024f":
        return "LATIN"
    return unicodedata.name(char, "UNKNOWN").split()[0]


def passes_for(name: str, other: str) -> bool:
    """Whether a name looks like another without being it."""
    return (
        name != other
        and plain(name).casefold() == plain(other).casefold()
        and name.casefold() != other.casefold()
        and not name.isascii()
    )
