"""Lists that people keep."""

from __future__ import annotations

import pytest

from approvals.errors import FiltersInvalid, NotAPerson, NotFound, NotPermitted, SavedViewInvalid
from approvals.saved import MOST, SavedViews


@pytest.fixture
def saved(store, service):
    return SavedViews(store, service.authority)


def test_a_view_is_kept_by_its_name_and_is_its_owners_alone(saved, ANNA, BEN):
    view = saved.save("  Big   ones ", "sort=value&view=all&nonsense=1", ANNA)
    again = saved.save("big ones", "view=all&gate=proposal", ANNA)

    assert (view.name, view.query) == ("Big ones", "view=all&sort=value")
    assert again.id == view.id
    assert saved.listed(ANNA) == (again,)
    assert saved.listed(BEN) == ()


def test_an_administrator_keeps_views_for_everybody(saved, ANNA, ADA):
    shared = saved.save("Legal", "view=group:legal", ADA, shared=True)
    saved.save("Legal", "view=mine&q=clause", ANNA)

    assert [view.query for view in saved.listed(ANNA)] == ["view=group%3Alegal", "q=clause"]
    with pytest.raises(NotPermitted):
        saved.save("Mine", "view=mine", ANNA, shared=True)
    with pytest.raises(NotPermitted):
        saved.remove(shared.id, ANNA)
    saved.remove(shared.id, ADA)
    assert len(saved.listed(ANNA)) == 1


def test_a_view_of_somebody_else_cannot_be_removed(saved, ANNA, BEN):
    view = saved.save("Mine", "view=mine", ANNA)

    with pytest.raises(NotFound):
        saved.remove(view.id, BEN)
    assert saved.listed(ANNA) == (view,)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61])
def test_a_view_needs_a_name(name, saved, ANNA):
    with pytest.raises(SavedViewInvalid, match="name: "):
        saved.save(name, "view=mine", ANNA)


def test_a_view_needs_filters_that_there_are(saved, ANNA):
    with pytest.raises(FiltersInvalid):
        saved.save("x", "sort=random", ANNA)
    assert saved.listed(ANNA) == ()


def test_there_is_a_most(saved, ANNA):
    for number in range(MOST):
        saved.save(str(number), "view=mine", ANNA)

    with pytest.raises(SavedViewInvalid, match="50"):
        saved.save("one more", "view=mine", ANNA)
    saved.save("0", "view=all", ANNA)


def test_a_machine_keeps_no_views(saved, ROBOT):
    with pytest.raises(NotAPerson):
        saved.save("x", "view=mine", ROBOT)
