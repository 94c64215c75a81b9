"""What a reader sees of a reworded text: words, not letters, and nothing left out."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.wording import Segment, word_diff

TEXT = st.text(st.sampled_from(list("ab é\u0301日本.,1 \n\n👩\u200d💻❤\ufe0f😀\r\t")), max_size=40) | st.text(
    max_size=20
)


def told(before, after, **terms):
    return [(one.kind, one.text) for one in word_diff(before, after, **terms)]


@given(TEXT, TEXT)
def test_both_sides_are_there_sign_for_sign(before, after):
    for fold in (True, False):
        segments = word_diff(before, after, fold=fold)

        assert "".join(one.text for one in segments if one.kind != "inserted") == before
        assert "".join(one.text for one in segments if one.kind != "deleted") == after
        assert all(one.text for one in segments)
        assert all((one.kind == "folded") == (one.paragraphs > 0) for one in segments)


@given(TEXT)
def test_the_same_text_has_nothing_to_tell(text):
    assert all(one.kind in ("same", "folded") for one in word_diff(text, text))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("in 10 weeks", "in 12 weeks", [("same", "in "), ("deleted", "10"), ("inserted", "12"), ("same", " weeks")]),
        (
            "at 1,150.00 on",
            "at 1.00 on",
            [("same", "at "), ("deleted", "1,150.00"), ("inserted", "1.00"), ("same", " on")],
        ),
        ("the quick fox", "a slow fox", [("deleted", "the quick"), ("inserted", "a slow"), ("same", " fox")]),
        ("told weekly", "told weekly and monthly", [("same", "told weekly"), ("inserted", " and monthly")]),
        ("日本語です", "日本人です", [("same", "日本"), ("deleted", "語"), ("inserted", "人"), ("same", "です")]),
        ("cafe\u0301 au", "cafe au", [("deleted", "cafe\u0301"), ("inserted", "cafe"), ("same", " au")]),
        ("👩\u200d💻 here", "👩 here", [("deleted", "👩\u200d💻"), ("inserted", "👩"), ("same", " here")]),
        ("", "x", [("inserted", "x")]),
        (1, None, [("deleted", "1"), ("inserted", "nothing")]),
        (None, "", [("deleted", "nothing"), ("inserted", '""')]),
        ({"a": 1}, {"a": 1}, [("same", '{"a": 1}')]),
    ],
)
def test_words_are_told_as_a_reader_sees_them(before, after, expected):
    assert told(before, after, fold=False) == expected


def test_untouched_paragraphs_are_folded_and_counted():
    before = "One.\n\nTwo.\n\nThree is here.\n\nFour.\n"
    after = "One.\n\nTwo.\n\nThree was here.\n\nFour.\n"

    assert word_diff(before, after) == (
        Segment("folded", "One.\n\nTwo.\n\n", 2),
        Segment("same", "Three "),
        Segment("deleted", "is"),
        Segment("inserted", "was"),
        Segment("same", " here.\n"),
        Segment("folded", "\nFour.\n", 1),
    )


def test_between_two_changes_only_whole_paragraphs_are_folded():
    before = "a b\nc\nd\ne f"
    after = "A b\nc\nd\ne F"

    assert [one.kind for one in word_diff(before, after)] == [
        "deleted",
        "inserted",
        "same",
        "folded",
        "same",
        "deleted",
        "inserted",
    ]


def test_long_texts_do_not_take_long():
    chance = random.Random(7)
    words = [f"w{chance.randrange(5_000)}" for _ in range(33_000)]
    others = [word if chance.random() > 0.1 else "z" for word in words]
    cases = [
        (" ".join(words), " ".join(others)),
        ("\n".join(words), "\n".join(others)),
        (" ".join(words), " ".join(words[::-1])),
        ("a " * 100_000, "a b " * 50_000),
        ("!" * 200_000, "?!" * 100_000),
    ]
    begun = time.process_time()

    for before, after in cases:
        word_diff(before, after)

    assert time.process_time() - begun < 8
