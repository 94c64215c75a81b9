"""What does not show in a text, or shows as something else, is told; ordinary writing in any script is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.characters import MOST_SUSPICIONS, revealed, spelled, suspicious, visible


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("a\u200bb", "hidden", "U+200B ZERO WIDTH SPACE"),
        ("co\u00adoperate", "hidden", "U+00AD SOFT HYPHEN"),
        ("hi\U000e0041\U000e0042", "hidden", "spells 'AB'"),
        ("x\ufe0fy", "hidden", "VARIATION SELECTOR-16"),
        ("a\u200db", "hidden", "ZERO WIDTH JOINER"),
        ("\u3164", "hidden", "HANGUL FILLER"),
        ("pay \u202e100", "direction", "RIGHT-TO-LEFT OVERRIDE"),
        ("\u2066\u200b", "direction", "and 1 more"),
        ("a\x1b[31m", "control", "U+001B"),
        ("a\u2028b", "control", "LINE SEPARATOR"),
        ("pаypal", "look-alike", "CYRILLIC SMALL LETTER A"),
        ("Ηalden", "look-alike", "GREEK CAPITAL LETTER ETA"),
        ("𝐀cme", "look-alike", "MATHEMATICAL BOLD CAPITAL A"),
        ("[acme.example](https://evil.example/x)", "link", "reads 'acme.example' and leads to 'evil.example'"),
        ("[https://acme.example/a](https://evil.example)", "link", "leads to 'evil.example'"),
        ("[here](javascript:alert(1))", "link", "not a web address"),
        ("[here](ftp://x.example)", "link", "not a web address"),
        ("[here](https://acme.example@evil.example/)", "link", "before its host"),
        ("[here](https://xn--pypal-4ve.example/)", "link", "in other letters"),
        ("see JavaScript:alert(1)", "link", "kind javascript"),
    ],
)
def test_what_does_not_show_is_told(text, kind, part):
    found = suspicious(text)

    assert any(one.kind == kind and part in one.message for one in found), found
    assert all(text[one.start : one.end] == one.text for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, 1,150.00 and 50 %.",
        "Москва и Санкт-Петербург",
        "Αθήνα",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d💻 ❤\ufe0f 👍🏽 1\ufe0f\u20e3",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "葛\U000e0100",
        "é e\u0301 µm 5Ω β2 α-test",
        "[Acme](https://acme.example) and [acme.example](https://www.acme.example/x) and <https://a.example>",
        "Note: data: as given. file a claim",
        "日本語 ภาษาไทย",
        "a\nb\tc",
    ],
)
def test_ordinary_writing_is_not_flagged(text):
    assert suspicious(text) == ()
    assert revealed(text) == text


@given(st.text())
def test_every_text_can_be_judged_and_spelled(text):
    found = suspicious(text)

    assert len(found) <= MOST_SUSPICIONS
    assert all(text[one.start : one.end] == one.text for one in found)
    for shown in (spelled(text), visible(text), revealed(text)):
        shown.encode()
        assert "\u202e" not in shown
        assert "\x1b" not in shown


def test_the_raw_view_names_code_points():
    assert spelled("pаy\u200b") == "pа⟦U+0430 CYRILLIC SMALL LETTER A⟧y⟦U+200B ZERO WIDTH SPACE⟧"


def test_only_what_is_told_of_is_revealed():
    assert revealed("👩\u200d💻 a\u202eb") == "👩\u200d💻 a⟦RIGHT-TO-LEFT OVERRIDE⟧b"


@pytest.mark.parametrize(
    "text",
    ["[a](b " * 30_000, "[" * 200_000, "аb " * 60_000, "\u200b" * 200_000, "[x](http://" + "a." * 90_000, "a:" * 90_000,
     "1.a" * 60_000 + "](", "\u202ea" * 90_000],
)  # fmt: skip
def test_hostile_texts_do_not_take_long(text):
    begun = time.process_time()

    suspicious(text)
    spelled(text)

    assert time.process_time() - begun < 3
