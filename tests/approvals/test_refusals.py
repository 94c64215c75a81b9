"""A refusal that travelled is the refusal that was raised."""

from __future__ import annotations

import pytest

from approvals.errors import ApprovalError, DocumentInvalid, FieldError, StaleDecision, TooManyTries, UnsupportedClaims
from approvals.refusals import CLASSES, URN, refusal_of, slug_of
from approvals.web.problems import KINDS, kind_of


def test_every_refusal_has_a_name_of_its_own():
    assert len(CLASSES) == len(set(CLASSES.values()))
    assert all(CLASSES[slug_of(one)] is one for one in CLASSES.values())


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_what_is_told_over_rest_is_raised_as_the_nearest_class_that_has_a_status(name):
    told, _ = kind_of(CLASSES[name])

    raised = refusal_of(f"{URN}{told}", "A sentence.", wrong=[FieldError("a.b", "no")], claims=["c1"], seconds=9)

    nearest = next(ancestor for ancestor in CLASSES[name].__mro__ if ancestor in KINDS)
    assert type(raised) is nearest
    assert issubclass(CLASSES[name], nearest)


def test_the_facts_come_along():
    wrong = [FieldError("lines.0", "too much")]

    assert str(refusal_of("stale-decision", "Look again.")) == "Look again."
    assert isinstance(refusal_of("stale-decision", ""), StaleDecision)
    assert str(refusal_of("document-invalid", "", wrong=wrong)) == str(DocumentInvalid(wrong))
    assert str(refusal_of("unsupported-claims", "", claims=["c1"])) == str(UnsupportedClaims(["c1"]))
    assert str(refusal_of("too-many-tries", "", seconds=30)) == str(TooManyTries(30))


def test_a_name_of_a_newer_queue_is_a_refusal_all_the_same():
    assert type(refusal_of("urn:countersign:problem:never-heard-of", "No.")) is ApprovalError
