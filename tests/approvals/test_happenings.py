"""What happened, as far as somebody may see it."""

from __future__ import annotations

from approvals.happenings import Watch
from approvals.lifecycle import State


def test_everybody_sees_what_happened_to_requests_that_they_may_see(service, store, open_request, ANNA, OMAR, ADA):
    watch = Watch(store, service.authority)
    mine = open_request(title="mine")
    theirs = open_request({"groups": ("finance",)}, title="theirs")
    service.reject(mine.id, ANNA, version=1, reason="no")

    seen = watch.seen(ANNA, 0)

    assert [(one.name, one.title, one.by) for one in seen.happenings] == [
        ("request.opened", "mine", "worker:outreach"),
        ("request.rejected", "mine", "anna.berg@acme.example"),
    ]
    assert {one.state for one in seen.happenings} == {State.REJECTED}
    assert [one.request_id for one in watch.seen(OMAR, 0).happenings] == [theirs.id]
    assert len(watch.seen(ADA, 0).happenings) == 3
    assert seen.last == watch.head() == 3


def test_it_is_told_in_parts(service, store, open_request, ADA):
    watch = Watch(store, service.authority)
    for _ in range(5):
        open_request()

    first = watch.seen(ADA, 0, limit=2)
    rest = watch.seen(ADA, first.last, limit=10)

    assert (len(first.happenings), first.more, first.last) == (2, True, 2)
    assert (len(rest.happenings), rest.more, rest.last) == (3, False, 5)
    assert watch.seen(ADA, rest.last).happenings == ()
