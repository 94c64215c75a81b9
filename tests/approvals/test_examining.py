"""Whoever checks documents may fail, hang or be missing; the reviewer gets a sentence in time."""

from __future__ import annotations

import threading
import time

import pytest

from approvals.errors import CannotExamine, NotCanonical
from approvals.examining import digest_of, examined


def test_the_examiner_is_asked_with_the_evidence_of_this_version(open_request, examiner):
    content = open_request().content

    examination = examined(examiner, "tests:Offer", content.value(), content, limit=5)

    assert examination.document == content.value()
    assert [(finding.claim_id, finding.support) for finding in examination.findings] == [("c1", "supported")]
    assert examination.unsupported == ()


def test_without_an_examiner_nothing_can_be_checked(open_request):
    content = open_request().content

    with pytest.raises(CannotExamine, match="no examiner is set up"):
        examined(None, "tests:Offer", content.value(), content, limit=5)


def test_an_examiner_that_hangs_hangs_nobody(open_request, examiner):
    content = open_request().content
    examiner.hang()
    began = time.monotonic()

    with pytest.raises(CannotExamine, match=r"took longer than 0\.05 seconds"):
        examined(examiner, "tests:Offer", content.value(), content, limit=0.05)

    assert time.monotonic() - began < 2
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "examiner")


@pytest.mark.parametrize("failure", [RuntimeError("the CRM is away"), KeyError("x"), SystemExit(3)])
def test_an_examiner_that_fails_is_a_sentence_with_its_cause(open_request, examiner, failure):
    content = open_request().content
    examiner.failure = failure

    with pytest.raises(CannotExamine, match="could not be checked") as refusal:
        examined(examiner, "tests:Offer", content.value(), content, limit=5)

    assert refusal.value.__cause__ is failure


@pytest.mark.parametrize("refusal", [CannotExamine("No class of this name."), NotCanonical("It never settles.")])
def test_a_refusal_of_the_examiners_own_is_passed_on(open_request, examiner, refusal):
    content = open_request().content
    examiner.failure = refusal

    with pytest.raises(type(refusal)) as passed_on:
        examined(examiner, "tests:Offer", content.value(), content, limit=5)

    assert passed_on.value is refusal


def test_the_digest_of_an_examination_changes_with_what_was_said(open_request, examiner, make_offer):
    content = open_request().content
    said = examined(examiner, "tests:Offer", content.value(), content, limit=5)
    again = examined(examiner, "tests:Offer", content.value(), content, limit=5)
    other = examined(examiner, "tests:Offer", make_offer(amount="1.00"), content, limit=5)

    assert digest_of(said) == digest_of(again)
    assert digest_of(said) != digest_of(other)
