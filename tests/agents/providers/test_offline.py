from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from importlib import resources

import pytest

from agents.catalogue import Catalogue
from agents.documents import Brief, Claim, FactKey, Proposal
from agents.errors import DraftingError
from agents.ports import Drafted, DraftingTask, Model
from agents.providers.offline import say


@pytest.fixture
def draft(model: Model, catalogue: Catalogue) -> Callable[..., Drafted]:
    def make(brief: Brief, *feedback: str) -> Drafted:
        return asyncio.run(model.draft(DraftingTask(brief=brief, catalogue=catalogue, feedback=feedback)))

    return make


Drafting = Callable[..., Drafted]


def texts(proposal: Proposal) -> str:
    return "\n".join(claim.text for claim in proposal.claims)


def claims(proposal: Proposal) -> dict[str, Claim]:
    return {claim.id: claim for claim in proposal.claims}


def offered(proposal: Proposal) -> dict[str, int]:
    return {line.offer: line.quantity for line in proposal.lines}


def not_followed(drafted: Drafted) -> list[str]:
    return [flag.message for flag in drafted.flags if flag.code == "feedback_not_followed"]


# -- what is drafted ---------------------------------------------------------------------------------------------


def test_it_says_what_it_is_and_costs_nothing(draft: Drafting, halden: Brief, model: Model) -> None:
    drafted = draft(halden)

    assert model.name == "offline:"
    assert drafted.cost.model == "offline:"
    assert drafted.cost.amount == 0


def test_offers_follow_the_words_of_the_brief_and_quantities_its_numbers(draft: Drafting, halden: Brief) -> None:
    proposal = draft(halden).proposal

    assert offered(proposal) == {"route-insight": 120, "onboarding": 1}
    quantity = claims(proposal)["quantity_found.route-insight"]
    assert quantity.fact_ids == ("f6",)
    assert quantity.catalogue_ids == ("route-insight",)


def test_a_german_brief_gets_a_german_draft(draft: Drafting, brueckner: Brief) -> None:
    proposal = draft(brueckner).proposal

    assert proposal.language == "de"
    assert offered(proposal) == {"line-watch": 48, "onboarding": 1}
    assert "Line Watch kostet 340,00 EUR je Maschine und Jahr." in texts(proposal)
    assert "Zusammen sind das 21.120,00 EUR." in texts(proposal)


def test_a_contradiction_becomes_a_question_and_no_statement(draft: Drafting, brueckner: Brief) -> None:
    proposal = draft(brueckner).proposal

    assert "gegründet" not in texts(proposal)
    question = claims(proposal)["question_conflict.f2"]
    assert set(question.fact_ids) == {"f2", "f3"}
    assert "1962 und 1964" in question.text


def test_where_nothing_fits_it_says_so_and_proposes_the_default_alone(draft: Drafting, pond: Brief) -> None:
    drafted = draft(pond)

    assert offered(drafted.proposal) == {"onboarding": 1}
    assert "Nothing in what we read points to one of our other offers" in texts(drafted.proposal)
    assert [flag.code for flag in drafted.flags] == ["no_offer_fits"]


def test_without_facts_it_asks_and_fills_nothing_in(draft: Drafting, brief_of: Callable[..., Brief]) -> None:
    drafted = draft(brief_of("Velmar", "velmar.example", []))

    assert not [claim for claim in drafted.proposal.claims if claim.fact_ids]
    assert [(flag.code, flag.severity) for flag in drafted.flags] == [("no_facts", "high")]
    assert {section.key for section in drafted.proposal.sections} == {"opening", "offer", "questions", "next"}


@pytest.mark.parametrize(("subject_match", "kind", "used"), [
    ("match", "site", True), ("unknown", "site", False), ("unknown", "text", True), ("other", "text", False),
])  # fmt: skip
def test_only_pages_about_this_company_are_used(
    draft: Drafting, brief_of: Callable[..., Brief], subject_match: str, kind: str, used: bool
) -> None:
    told = [(FactKey.FOUNDED, "1987", "Founded in 1987")]

    proposal = draft(brief_of("Velmar", "velmar.example", told, subject_match=subject_match, kind=kind)).proposal

    assert ("1987" in texts(proposal)) is used


def test_an_assumed_quantity_is_said_in_the_draft_asked_for_and_flagged(
    draft: Drafting, brief_of: Callable[..., Brief]
) -> None:
    told = [(FactKey.DESCRIPTION, "A haulage firm.", "A haulage firm.")]

    drafted = draft(brief_of("Velmar", "velmar.example", told))

    assert offered(drafted.proposal)["route-insight"] == 1
    assert {"quantity_assumed.route-insight", "question_quantity.route-insight"} <= set(claims(drafted.proposal))
    assert [(flag.code, flag.severity) for flag in drafted.flags] == [("quantity_assumed", "info")]


def test_what_a_page_says_is_never_read_as_template(draft: Drafting, brief_of: Callable[..., Brief]) -> None:
    value = "Freight {{ 7 * 7 }} {% for x in y %} {{ ''.__class__ }} {# gone? #}"

    proposal = draft(brief_of("Velmar", "velmar.example", [(FactKey.DESCRIPTION, value, value)])).proposal

    assert value in texts(proposal)


def test_characters_nobody_sees_do_not_reach_the_draft(draft: Drafting, brief_of: Callable[..., Brief]) -> None:
    value = "Frei\u200bght\u202e by\x1b[31m road\x00"

    proposal = draft(brief_of("Velmar", "velmar.example", [(FactKey.DESCRIPTION, value, value)])).proposal

    assert not re.search("[\u200b\u202e\x1b\x00]", texts(proposal))
    assert "Freight by [31m road" in texts(proposal)


def test_a_very_long_value_is_cut_at_a_word(draft: Drafting, brief_of: Callable[..., Brief]) -> None:
    value = "freight " * 500

    proposal = draft(brief_of("Velmar", "velmar.example", [(FactKey.DESCRIPTION, value, value)])).proposal

    assert max(len(claim.text) for claim in proposal.claims) < 400
    assert "freight …”" in texts(proposal)


# -- what reviewers ask for --------------------------------------------------------------------------------------


def test_shorter_is_shorter_each_time_until_it_says_that_it_cannot(draft: Drafting, halden: Brief) -> None:
    lengths = [len(texts(draft(halden, *["shorter"] * times).proposal)) for times in range(4)]

    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) == 4
    assert not_followed(draft(halden, *["shorter"] * 4)) == [
        "“shorter”: the draft is as short as the deterministic drafter makes it."
    ]


@pytest.mark.parametrize(
    "words", ["Please mention Mara Lindqvist", "add the fact that revenue grew 12 %", "EUR 45 million erwähnen"]
)
def test_what_a_fact_says_is_mentioned_with_that_fact(draft: Drafting, halden: Brief, words: str) -> None:
    shorter = draft(halden, "shorter", "shorter", "shorter").proposal

    drafted = draft(halden, "shorter", "shorter", words)

    assert not_followed(drafted) == []
    added = [claim for claim_id, claim in claims(drafted.proposal).items() if claim_id.startswith("mention.")]
    assert len(added) == 1
    assert added[0].fact_ids
    assert added[0].id not in claims(shorter)


def test_what_no_source_says_is_not_mentioned_and_the_flag_says_so(draft: Drafting, halden: Brief) -> None:
    drafted = draft(halden, "mention the office in Bergen")

    assert drafted.proposal == draft(halden).proposal
    assert not_followed(drafted) == [
        "“mention the office in Bergen”: no source says anything of “office in Bergen”, so the draft does not either."
    ]


@pytest.mark.parametrize(
    "words", ["drop Guided onboarding", "Bitte Guided onboarding streichen", "without the onboarding"]
)
def test_an_offer_is_dropped_with_its_line_and_its_sentences(draft: Drafting, halden: Brief, words: str) -> None:
    proposal = draft(halden, words).proposal

    assert offered(proposal) == {"route-insight": 120}
    assert "onboarding" not in texts(proposal).lower()
    assert "In total this comes to 10,320.00 EUR." in texts(proposal)


def test_an_offer_is_added_with_its_price(draft: Drafting, halden: Brief) -> None:
    proposal = draft(halden, "add Care Desk", "quantity 12 of Care Desk").proposal

    assert offered(proposal)["care-desk"] == 12
    assert "Care Desk costs 420.00 EUR per seat per year." in texts(proposal)


@pytest.mark.parametrize(
    ("words", "quantity"),
    [
        ("quantity 40 of Route Insight", 40),
        ("set the quantity of Route Insight to 40", 40),
        ("40 x Route Insight", 40),
        ("Menge 1.200 für Route Insight", 1200),
        ("Set Route Insight to 75, please", 75),
    ],
)
def test_a_quantity_is_taken_from_the_reviewer(draft: Drafting, halden: Brief, words: str, quantity: int) -> None:
    drafted = draft(halden, words)

    assert offered(drafted.proposal)["route-insight"] == quantity
    assert not_followed(drafted) == []
    assert "quantity_found.route-insight" not in claims(drafted.proposal)


def test_a_quantity_of_nothing_is_refused_with_the_way_to_do_it(draft: Drafting, halden: Brief) -> None:
    drafted = draft(halden, "quantity 0 of Route Insight")

    assert offered(drafted.proposal)["route-insight"] == 120
    assert "say “drop” and its name" in not_followed(drafted)[0]


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        ("remove the section questions", "question_goal"),
        ("drop Norda Foods", "customer"),
        ("remove fit", "fit.route-insight"),
    ],
)
def test_a_section_or_a_claim_is_removed_by_its_words(draft: Drafting, halden: Brief, words: str, gone: str) -> None:
    before = claims(draft(halden, "shorter").proposal) | claims(draft(halden).proposal)

    after = claims(draft(halden, words).proposal)

    assert gone in before or gone == "question_goal"
    assert gone not in after


@pytest.mark.parametrize(
    ("words", "language"), [("in German", "de"), ("Bitte auf Deutsch!", "de"), ("write it in English", "en")]
)
def test_the_language_can_be_chosen(
    draft: Drafting, halden: Brief, brueckner: Brief, words: str, language: str
) -> None:
    brief = halden if language == "de" else brueckner

    proposal = draft(brief, words).proposal

    assert proposal.language == language
    assert proposal.title.startswith("Angebot" if language == "de" else "Proposal")


def test_the_tone_can_be_formal_and_back(draft: Drafting, halden: Brief) -> None:
    assert "Dear Sir or Madam," in texts(draft(halden, "more formal please").proposal)
    assert "Dear Sir or Madam," not in texts(draft(halden, "formal", "less formal").proposal)


def test_a_discount_that_is_not_there_is_said_to_be_not_there(draft: Drafting, halden: Brief) -> None:
    assert not_followed(draft(halden, "drop the discount")) == ["“drop the discount”: the draft holds no discount."]


def test_what_needs_a_language_model_is_said_with_the_words(draft: Drafting, halden: Brief) -> None:
    drafted = draft(halden, "Warm up the tone a little. Shorter!")

    assert not_followed(drafted) == [
        "“Warm up the tone a little” needs a language model; the deterministic drafter (offline:) follows rules only."
    ]
    assert drafted.proposal != draft(halden).proposal


def test_several_wishes_in_one_sentence_are_all_followed(draft: Drafting, halden: Brief) -> None:
    drafted = draft(halden, "Please drop Guided onboarding, make it shorter and write it in German.")

    assert not_followed(drafted) == []
    assert drafted.proposal.language == "de"
    assert offered(drafted.proposal) == {"route-insight": 120}


def test_feedback_of_every_round_counts(draft: Drafting, halden: Brief) -> None:
    proposal = draft(halden, "in German", "drop Guided onboarding").proposal

    assert proposal.language == "de"
    assert "onboarding" not in offered(proposal)


@pytest.mark.parametrize(
    "words", ["shorter", "in German", "drop Guided onboarding", "formal", "add Care Desk", "remove fit"]
)
def test_claims_that_stay_keep_their_ids(draft: Drafting, halden: Brief, words: str) -> None:
    before, after = claims(draft(halden).proposal), claims(draft(halden, words).proposal)

    unchanged = {claim.text for claim in before.values()} & {claim.text for claim in after.values()}
    assert before != after
    assert {one.id for one in before.values() if one.text in unchanged} == {
        one.id for one in after.values() if one.text in unchanged
    }


# -- the templates -----------------------------------------------------------------------------------------------


def test_both_languages_say_the_same_sentences() -> None:
    def macros(language: str) -> list[str]:
        text = resources.files("agents.providers").joinpath(f"offline.{language}.jinja").read_text("utf-8")
        return re.findall(r"{% macro (\w+\([^)]*\))", text)

    assert macros("en") == macros("de")
    assert len(macros("en")) > 40


def test_a_sentence_that_is_not_there_is_an_error_with_its_name() -> None:
    with pytest.raises(DraftingError, match=r"offline.en.jinja cannot say 'praise'"):
        say("en", "praise")


def test_a_sentence_that_lacks_a_value_is_an_error() -> None:
    with pytest.raises(DraftingError, match="total"):
        say("en", "total")
