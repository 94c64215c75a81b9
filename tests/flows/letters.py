"""Documents, steps and deployable flows of the tests; importable by the examiner and by run processes.

What steps and effects did is written to the folder `LETTERS_DESK`, so that it can be counted whoever ran them.
"""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from approvals.decisions import Approved
from flows.gates import Gate, effected, flow, gate, reviewed, reviewed_all
from flows.guards import guarded


class Letter(BaseModel):
    """What is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    text: str
    postage: Decimal = Decimal("1.10")


class Telegram(Letter):
    """A letter after the code changed: what was signed as a letter may be too long for it."""

    text: str = Field(max_length=12)


class Posted(BaseModel):
    """What was done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    letters: tuple[str, ...]

    def followed_by(self, later: Posted) -> Posted:
        """Both, one after the other."""
        return Posted(letters=(*self.letters, *later.letters))


class BoxFull(BaseModel):
    """The world moved: the first line was posted, the rest must be asked again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt: Posted
    remaining: Letter


POST = "letterbox://high-street"

NOTE = Gate("note", Letter, policy="letter")
LETTER = Gate("letter", Letter, action="letter.post", target=POST)
TWICE = Gate("twice", Letter, action="letter.post", target=POST)
UNASKED = Gate("unasked", Letter, action="letter.post", target=POST)


def desk() -> Path:
    """The folder that everything is noted in."""
    return Path(os.environ["LETTERS_DESK"])


def note(line: str) -> None:
    """Write down that something ran."""
    with (desk() / "calls.txt").open("a", encoding="utf-8") as calls:
        calls.write(f"{line}\n")


@task(cache_policy=NO_CACHE, persist_result=False)
async def write(
    to: str,
    feedback: tuple[str, ...] = (),
    previous: Letter | None = None,
    round: int = 1,  # noqa: A002
) -> Letter:
    """Draft a letter; each call words it differently, so that a second draft would show."""
    note(f"write {to} {round}")
    number = len((desk() / "calls.txt").read_text(encoding="utf-8").splitlines())
    said = "".join(f" ({words})" for words in feedback)
    before = f" was: {previous.text}" if previous else ""
    return Letter(to=to, text=f"Dear {to}, draft {number}{said}{before}")


@task(cache_policy=NO_CACHE, persist_result=False)
async def answer(letter: Letter) -> Letter:
    """A step after the first gate, which takes no feedback."""
    note(f"answer {letter.to}")
    return Letter(to=letter.to, text=f"Re: {letter.text}", postage=letter.postage)


@task(cache_policy=NO_CACHE, persist_result=False)
@guarded(action="letter.post", target=POST)
async def post(letter: Letter) -> Posted | BoxFull:
    """Put the letter into the box; reads the box first, so that a repetition writes nothing twice."""
    note(f"post {letter.to}")
    first, _, rest = letter.text.partition("\n")
    path = desk() / f"box-{letter.to}.txt"
    there = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if first not in there:
        with path.open("a", encoding="utf-8") as box:
            box.write(f"{first}\n")
        if (desk() / "kill-after-write").exists():
            (desk() / "kill-after-write").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    done = Posted(letters=(first,))
    if rest:
        return BoxFull(receipt=done, remaining=Letter(to=letter.to, text=rest, postage=letter.postage))
    return done


@flow(gates=[LETTER])
async def one_letter(to: str) -> Posted:
    """One gate, one effect."""
    note(f"run {to}")
    letter = await reviewed(LETTER, write, to)
    done: Posted = await effected(LETTER, post, letter)
    return done


@flow(gates=[NOTE, LETTER])
async def two_letters(to: str) -> Posted:
    """Two gates, one after the other."""
    first = await reviewed(NOTE, write, to)
    letter = await reviewed(LETTER, answer, first.document)
    done: Posted = await effected(LETTER, post, letter)
    return done


@flow(gates=[LETTER])
async def letters_in_turn(people: list[str]) -> list[str]:
    """One gate used for each of several people, in a loop."""
    posted: list[str] = []
    for to in people:
        letter = await reviewed(LETTER, write, to)
        done = await effected(LETTER, post, letter)
        posted += done.letters
    return posted


@flow(gates=[LETTER])
async def letters_at_once(people: list[str]) -> list[str]:
    """One gate used for several people at the same time; tells what became of each."""
    told: list[str] = []
    for decision in await reviewed_all(LETTER, write, people):
        if isinstance(decision, Approved):
            done = await effected(LETTER, post, decision)
            told += done.letters
        else:
            told.append(type(decision).__name__)
    return told


@flow(gates=[NOTE])
async def by_hand(to: str) -> dict[str, str]:
    """A gate without a step; the draft is worded anew whenever the flow runs."""
    note(f"run {to}")
    worded = Letter(to=to, text=f"Worded in run {(desk() / 'calls.txt').read_text(encoding='utf-8').count('run')}")
    decision = await gate(worded, NOTE, key="the only one")
    text = decision.document.text if isinstance(decision, Approved) else ""
    return {"decision": type(decision).__name__, "text": text}


@flow(gates=[UNASKED])
async def unasked(to: str) -> Posted:
    """A gate whose policy asks nobody unless something is flagged."""
    letter = await reviewed(UNASKED, write, to)
    done: Posted = await effected(UNASKED, post, letter)
    return done


@flow(gates=[LETTER])
async def slow_letter(to: str) -> Posted:
    """As one_letter, by somebody who takes their time: it works for as long as the desk holds `slow`."""
    note(f"pid {to} {os.getpid()}")
    note(f"run {to}")
    while (desk() / "slow").exists():
        await asyncio.sleep(0.05)
    note(f"went on {to}")
    letter = await reviewed(LETTER, write, to)
    done: Posted = await effected(LETTER, post, letter)
    return done


@flow(gates=[TWICE])
async def at_most_twice(to: str) -> Posted:
    """A gate whose policy allows two drafts."""
    letter = await reviewed(TWICE, write, to)
    done: Posted = await effected(TWICE, post, letter)
    return done
