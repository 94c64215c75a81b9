"""The lead score: every point rests on facts, and briefs without a score stay as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.documents import Brief, EntityRef, FactKey, dump
from agents.errors import AgentError
from agents.profile import Profile, Rule, read_profile
from agents.research import research
from agents.scoring import scored
from agents.web import MemorySnapshots, open_web
from approvals.canonical import canonical, settled

SAMPLE = read_profile(Path("sample"))


def points(brief: Brief) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {one.rule: (one.points, one.fact_ids) for one in brief.score}


def only(**rule: object) -> Profile:
    return Profile(name="p", rules=(Rule.model_validate({"id": "r", "says": "fits", "points": 10, **rule}),))


def test_every_point_names_the_facts_it_rests_on(halden: Brief) -> None:
    brief = scored(halden.model_copy(update={"entity": EntityRef(name="Halden", country="DE")}), SAMPLE)

    assert points(brief) == {
        "trade": (30, ("f6",)),
        "size": (25, ("f3",)),
        "country": (15, ("f4", "f5", "f11")),
        "hiring": (0, ()),
        "reachable": (10, ("f13",)),
        "agency": (0, ()),
    }
    assert brief.points == (80, 100)


def test_what_is_contradicted_gives_no_point(brueckner: Brief) -> None:
    profile = only(facts=["founded"], at_most=1970)

    assert scored(brueckner, profile).points == (0, 10)
    alone = brueckner.model_copy(
        update={"facts": tuple(fact.model_copy(update={"conflicts_with": ()}) for fact in brueckner.facts)}
    )
    assert scored(alone, profile).points == (10, 10)


@pytest.mark.parametrize(
    ("value", "fits"),
    [("420", True), ("1,200", True), ("2.000", True), ("49", False), ("40-80", False), ("many", False)],
)
def test_a_number_must_lie_in_the_range(value: str, fits: bool, brief_of) -> None:  # type: ignore[no-untyped-def]
    brief = brief_of("Velmar", "velmar.example", [(FactKey.EMPLOYEES, value, value)])

    assert bool(scored(brief, only(facts=["employees"], at_least=50, at_most=2000)).points[0]) is fits


def test_another_companys_page_gives_no_point(brief_of) -> None:  # type: ignore[no-untyped-def]
    brief = brief_of("V", "v.example", [(FactKey.EMPLOYEES, "100", "100")], subject_match="other")

    assert scored(brief, only(facts=["employees"])).points == (0, 10)


def test_a_brief_without_a_score_keeps_the_form_it_had(halden: Brief) -> None:
    assert "score" not in dump(halden)
    assert dump(Brief.model_validate(dump(halden))) == dump(halden)
    assert "score" not in canonical(settled(Brief, dump(halden)))

    with_score = scored(halden, SAMPLE)
    assert dump(Brief.model_validate(dump(with_score))) == dump(with_score)
    assert dump(Brief.model_validate({**dump(halden), "score": []})) == dump(halden)


async def test_the_score_stands_in_the_summary() -> None:
    text = "text:Tern Haulage\nTern Haulage is a freight company. Tern Haulage has 64 employees."

    async def look(profile: Profile | None):  # type: ignore[no-untyped-def]
        from agents.documents import Prospect

        return await research(
            Prospect(target=text, name="Tern Haulage"),
            web=open_web("offline:"),
            snapshots=MemorySnapshots(),
            now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
            profile=profile,
        )

    draft, without = await look(SAMPLE), await look(None)

    assert draft.summary.startswith(
        "Lead score 55 of 100 (+30 moves goods or makes things, +25 has 50 to 2,000 employees)."
    )
    assert without.document.score == ()
    assert "Lead score" not in without.summary


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('name = "x"\nrules = []', "rules"),
        ('name = "x"\n[[rules]]\nid = "a"\nsays = "b"\npoints = 5', "needs either facts or countries"),
        ('name = "x"\n[[rules]]\nid = "a"\nsays = "b"\npoints = 0\nfacts = ["job"]', "gives no points"),
        ('name = "x"\n[[rules]]\nid = "a"\nsays = "b"\npoints = 5\nfacts = ["shoe_size"]', "rules.0.facts.0"),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_wrong_profile_is_named_with_the_fix(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(AgentError, match=r"profile\.toml.*" + told.replace(".", r"\.")):
        read_profile(path)
    with pytest.raises(AgentError, match="AGENTS_PROFILE"):
        read_profile(tmp_path / "nowhere.toml")
