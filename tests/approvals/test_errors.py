"""The tree at the top of the file is the classes below it."""

from __future__ import annotations

import inspect
import re

import pytest

from approvals import errors
from approvals.errors import ApprovalError, DocumentInvalid, FieldError, UnsupportedClaims, VerdictInvalid

CLASSES = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, ApprovalError)]


def _drawn() -> dict[str, str | None]:
    """Class -> the class it hangs from, as the docstring draws it."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)(?: {2,}\S|$)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4 + (1 if "── " in line else 0)
        path[depth:] = [match[2]]
        parents[match[2]] = path[depth - 1] if depth else None
    return parents


def test_the_docstring_draws_every_class_under_its_parent_and_no_other():
    classes = {one.__name__: None if one is ApprovalError else one.__bases__[0].__name__ for one in CLASSES}

    assert _drawn() == classes


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_is_a_sentence(error):
    message = (error.__doc__ or "").strip()

    assert message.endswith((".", "Send a valid token.", "decide on that."))
    assert message[0].isupper()


@pytest.mark.parametrize(
    "error", [one for one in CLASSES if "__init__" not in vars(one) and not issubclass(one, DocumentInvalid)],
    ids=lambda error: error.__name__,
)  # fmt: skip
def test_the_docstring_is_the_message_unless_a_more_precise_one_is_given(error):
    assert str(error()) == error.__doc__
    assert str(error("Because of this.")) == "Because of this."


def test_an_invalid_document_names_every_field_and_keeps_them():
    errors = (FieldError("amount", "is too small"), FieldError("", "adds up to nothing"))

    refusal = DocumentInvalid(errors)

    assert refusal.errors == errors
    assert str(refusal) == "The document is not valid. amount: is too small; document: adds up to nothing"


def test_an_incomplete_verdict_does_not_speak_of_the_document():
    assert (
        str(VerdictInvalid([FieldError("reason", "is missing")])) == "The verdict is not complete. reason: is missing"
    )


def test_unsupported_claims_are_named():
    refusal = UnsupportedClaims(["c1", "c4"])

    assert refusal.claims == ("c1", "c4")
    assert str(refusal).startswith("No source supports c1, c4.")
