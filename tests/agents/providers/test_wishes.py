"""What is read out of a reviewer's words, where the opposite would be easy to read."""

from __future__ import annotations

import pytest

from agents.catalogue import Catalogue
from agents.providers.wishes import read_wishes


@pytest.mark.parametrize(
    "words",
    ["please do not write in German", "the German version was better, keep English", "bitte nicht auf Englisch"],
)
def test_a_language_that_is_not_wanted_is_not_written_in(words: str, catalogue: Catalogue) -> None:
    wishes = read_wishes((words,), catalogue)

    assert "language" not in [wish.kind for wish in wishes]


@pytest.mark.parametrize(("words", "language"), [("in German, please", "de"), ("Auf Englisch bitte.", "en")])
def test_a_language_that_is_wanted_is_read(words: str, language: str, catalogue: Catalogue) -> None:
    [wish] = [wish for wish in read_wishes((words,), catalogue) if wish.kind == "language"]

    assert wish.value == language
