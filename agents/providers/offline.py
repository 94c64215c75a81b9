"""The embedded model: deterministic drafts from templates and the catalogue, without key, network or weights."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import StrictUndefined, TemplateError
from jinja2.environment import TemplateModule
from jinja2.sandbox import SandboxedEnvironment

from agents.documents import Cost, Flag
from agents.errors import DraftingError
from agents.ports import Drafted, DraftingTask
from agents.providers.composing import Composed, compose, fact_saying
from agents.providers.fitting import usable_facts
from agents.providers.wishes import Wish, read_wishes

NAME = "offline:"


class OfflineModel:
    """Writes the same proposal from the same facts, offers and feedback, always."""

    @property
    def name(self) -> str:
        """How it is addressed; stands on every draft it writes."""
        return NAME

    async def ready(self) -> str:
        """Always: it needs nothing."""
        return f"{NAME} deterministic, needs no key and no network"

    async def draft(self, task: DraftingTask) -> Drafted:
        """A proposal from the facts and offers of the task alone; feedback counts as far as rules can follow it."""
        wishes = read_wishes(task.feedback, task.catalogue)
        followed: list[Wish] = []
        flags: list[Flag] = []
        composed = compose(task.brief, task.catalogue, (), say)
        for wish in wishes:
            changed = compose(task.brief, task.catalogue, (*followed, wish), say)
            if changed.proposal == composed.proposal:
                flags.append(_not_followed(wish, task))
                continue
            followed.append(wish)
            composed = changed
        return Drafted(proposal=composed.proposal, cost=Cost(model=NAME), flags=(*flags, *_assumptions(composed, task)))


def say(language: str, sentence: str, **values: object) -> str:
    """A sentence in this language by its name in the template. Values are inserted as they are."""
    try:
        return str(getattr(_sentences(language), sentence)(**values)).strip()
    except (TemplateError, AttributeError) as error:
        raise DraftingError(f"The template offline.{language}.jinja cannot say {sentence!r}: {error}.") from error


@cache
def _sentences(language: str) -> TemplateModule:
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    text = resources.files("agents.providers").joinpath(f"offline.{language}.jinja").read_text("utf-8")
    return environment.from_string(text).module


def _not_followed(wish: Wish, task: DraftingTask) -> Flag:
    quoted = f"“{wish.words}”"
    if wish.kind == "unclear":
        why = f"{quoted} needs a language model; the deterministic drafter ({NAME}) follows rules only."
    elif wish.kind == "mention" and fact_saying(wish.value, usable_facts(task.brief)) is None:
        why = f"{quoted}: no source says anything of “{wish.value}”, so the draft does not either."
    elif wish.kind == "mention":
        why = f"{quoted}: the draft mentions “{wish.value}” already."
    elif wish.kind == "shorter":
        why = f"{quoted}: the draft is as short as the deterministic drafter makes it."
    elif wish.kind == "drop_discount":
        why = f"{quoted}: the draft holds no discount."
    elif wish.kind in ("remove", "drop_offer"):
        why = f"{quoted}: nothing in the draft is called or says “{wish.value}”."
    elif wish.kind == "quantity" and not 1 <= wish.number <= 1_000_000:
        why = f"{quoted}: a quantity lies between 1 and 1,000,000. To leave an offer out, say “drop” and its name."
    else:
        why = f"{quoted} changes nothing: the draft is like that already."
    return Flag(code="feedback_not_followed", message=why)


def _assumptions(composed: Composed, task: DraftingTask) -> tuple[Flag, ...]:
    flags = [
        Flag(
            code="quantity_assumed",
            message=f"No source says how many ({offer.unit}): {offer.name} is planned with a quantity of 1.",
            severity="info",
        )
        for offer in composed.assumed
    ]
    if not usable_facts(task.brief):
        flags.append(
            Flag(
                code="no_facts",
                message=f"Research found nothing usable about {task.brief.entity.name}: the draft can say nothing.",
                severity="high",
            )
        )
    elif composed.nothing_fits:
        flags.append(
            Flag(
                code="no_offer_fits",
                message="No offer's keywords occur in what the sources say; check what is proposed.",
            )
        )
    return tuple(flags)
