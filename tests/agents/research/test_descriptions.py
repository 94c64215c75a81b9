"""A description says what the company does; advertisements, founding notes and certificates do not."""

from __future__ import annotations

import pytest

from agents.research.descriptions import descriptions
from agents.research.plain_text import read_text

OWN = frozenset({"marlow", "marlowclinics", "clinics"})


def _told(text: str) -> list[str]:
    return [c.value for c in descriptions(read_text(text, "text:"), [], OWN)]


@pytest.mark.parametrize(
    "sentence",
    [
        "We are looking for people who like an empty road at four in the morning.",
        "We are certified to ISO 9001 and audited every single year.",
        "Marlow Clinics was established in 2003 by two doctors.",
        "We have 120 people on staff, and a canteen for them all.",
        "Wir suchen Menschen, die um vier Uhr morgens eine leere Straße mögen.",
        "We are not connected with Marlow Foods of Croydon, which bakes pies.",
    ],
)
def test_what_says_nothing_of_the_work_is_no_description(sentence: str) -> None:
    assert _told(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Marlow Clinics treats sports injuries in four towns along the river.",
        "Marlow Clinics repariert Gelenke und bildet Physiotherapeuten aus.",
        "Marlow Clinics has been mending knees along the river for forty years.",
        "Proyectamos redes de agua y depuradoras para ayuntamientos.",
    ],
)
def test_a_sentence_about_the_work_is(sentence: str) -> None:
    assert _told(sentence) == [sentence]


def test_the_telling_sentence_of_a_paragraph_is_taken_wherever_it_stands() -> None:
    told = _told("Marlow Clinics was founded in 2003. Marlow Clinics treats sports injuries in four towns.")

    assert told == ["Marlow Clinics treats sports injuries in four towns."]
