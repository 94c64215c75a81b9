from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from agents.catalogue import Catalogue
from agents.documents import Brief, Claim, FactKey, Finding, PriceLine, Proposal, Section
from agents.drafting import draft_proposal
from agents.grounding import check
from agents.grounding.figures import read
from agents.ports import Model


def proposal_of(brief: Brief, *claims: Claim, lines: tuple[PriceLine, ...] = ()) -> Proposal:
    return Proposal(
        entity=brief.entity,
        title=brief.entity.name,
        language=brief.language,
        sections=(Section(key="opening", title="–", claims=claims),),
        lines=lines,
        currency="EUR",
        valid_days=30,
    )


def findings(
    brief: Brief, catalogue: Catalogue, *claims: Claim, lines: tuple[PriceLine, ...] = ()
) -> tuple[Finding, ...]:
    document = proposal_of(brief, *claims, lines=lines)
    return check(document, sources=brief.sources, facts=brief.facts, catalogue=catalogue)


def support(brief: Brief, catalogue: Catalogue, text: str, cites: str) -> Finding:
    """The finding for one claim; `cites` names facts (`f1`) and offers, separated by spaces."""
    ids = cites.split()
    claim = Claim(
        id="c",
        text=text,
        fact_ids=tuple(one for one in ids if one[1:].isdigit()),
        catalogue_ids=tuple(one for one in ids if not one[1:].isdigit()),
    )
    return findings(brief, catalogue, claim)[0]


ENGLISH_LIES = [
    # invented and changed figures
    ("Halden Freight was founded in 1978.", "f2"),
    ("Halden Freight was founded in 1988, as a family business.", "f2"),
    ("Your pages name 240 employees.", "f3"),
    ("Your pages name 4,200 employees.", "f3"),
    ("You run 420 trucks.", "f3 f6"),
    ("A fleet of 12 trucks is a lot to keep in view.", "f6"),
    ("A fleet of two hundred trucks is a lot to keep in view.", "f6"),
    ("You work with a dozen depots.", "f4"),
    ("Revenue grew 21 % in 2024.", "f12"),
    ("Revenue grew by twelve million.", "f12"),
    ("Revenue reached EUR 54 million.", "f12"),
    ("Revenue reached EUR 45 billion.", "f12"),
    ("Revenue reached USD 45 million.", "f12"),
    ("Revenue of 45m grew 12 percent to a margin of 9 percent.", "f12"),
    ("In 2023 revenue grew 12 %.", "f12"),
    ("Halden Freight was founded in 2024.", "f2 f12"),
    ("In May 2024 you opened a third depot in Rotterdam.", "f9"),
    ("On 13 March 2024 you opened a third depot in Rotterdam.", "f9"),
    ("On 12.04.2024 you opened a third depot.", "f9"),
    ("About 4２1 people work with you.", "f3"),
    ("About 42\u200b5 people work with you.", "f3"),
    ("Nearly 1.420 people work with you.", "f3"),
    # invented names
    ("Norda Foods and Velmar Dairy are your customers.", "f7"),
    ("You deliver for Velmar.", "f7"),
    ("Your customers like Velmar value that.", "f7"),
    ("Velmar already uses Route Insight.", "route-insight"),
    ("Contact Mara Olsen for details.", "f13"),
    ("We spoke with Mr Lindholm.", "f13"),
    ("You work from Kiel, Oslo and Hamburg.", "f4"),
    ("You work from Kiel and Gothenburg.", "f4"),
    ("You are a subsidiary of Nordwind Holding.", "f1"),
    ("You use TruckMaster for dispatch.", "f6"),
    ("You are certified to ISO 27001.", "f8"),
    ("Your dispatch runs on SAP.", "f6"),
    # addresses
    ("Write to sales@halden.example.", "f10"),
    ("See https://halden.example/fleet for the fleet.", "f6"),
    ("See haldenfreight.test for more.", "f6"),
    ("Call +49 431 5550199.", "f11"),
    # prices
    ("Route Insight costs 68.00 EUR per vehicle per year.", "route-insight"),
    ("Route Insight costs 86.00 EUR per vehicle per month.", "route-insight"),
    ("Route Insight costs 86.00 USD per vehicle per year.", "route-insight"),
    ("Guided onboarding costs 480.00 EUR.", "onboarding"),
    ("Guided onboarding takes two weeks.", "onboarding"),
    ("Line Watch costs 86.00 EUR per machine.", "route-insight"),
    ("In total this comes to 9,999.00 EUR.", "route-insight onboarding"),
    # promises
    ("We guarantee that no delivery is late.", "route-insight"),
    ("You get a full refund if you are not satisfied.", "onboarding"),
    ("Route Insight is GDPR compliant.", "route-insight"),
    ("We are certified to ISO 9001 ourselves.", "f8"),
    ("The first year comes with a discount of 10 %.", "route-insight"),
    ("Onboarding is free of charge.", "onboarding"),
    ("Route Insight halves your delays.", "route-insight f6"),
    ("Route Insight will reduce your fuel costs.", "route-insight"),
    ("You can cancel at any time.", "route-insight"),
    ("Our support answers around the clock.", "route-insight"),
    ("Brightwater Signals is the leading vendor for hauliers.", "route-insight"),
    ("Hundreds of hauliers rely on us.", "route-insight"),
    ("Route Insight reaches an uptime of 99.9 %.", "route-insight"),
    ("Route Insight pays for itself within a year.", "route-insight"),
    # no citation, or one that is not there
    ("Halden Freight employs 420 people.", ""),
    ("Halden Freight struggles with late deliveries.", ""),
    ("You told us that dispatch is overloaded.", ""),
    ("As agreed by phone, we start next month.", ""),
    ("Your company operates a large fleet.", ""),
    ("Norda Foods recommends you.", ""),
    ("Halden Freight was founded in 1987.", "f99"),
    ("Our offer fits you well.", "premium-care"),
    ("Three of your depots are new.", ""),
    # second list, written after the rules
    ("The firm was started by Erik Halden in Bergen.", "f2"),
    ("You have 120 employees.", "f6"),
    ("120 customers rely on your trucks.", "f6"),
    ("Founded in the 1970s, you know the trade.", "f2"),
    ("Nine out of ten customers stay.", "f7"),
    ("Our pilot with DB Cargo went well.", "route-insight"),
    ("It has never failed an audit.", "route-insight"),
    ("You will be live by 1 June.", "onboarding"),
    ("The price drops to 80 EUR from 100 vehicles.", "route-insight"),
    ("It costs only €0.86 per vehicle.", "route-insight"),
    ("Route Insight Premium adds forecasts.", "route-insight"),
    ("Your CEO Jonas Berg asked for it.", "f13"),
    ("Revenue fell 12 % to EUR 45 million.", "f12"),
    ("Halden ships for Velmar.", "f7"),
    ("You are hiring 30 drivers.", "f6"),
    ("Our platform is SOC 2 Type II audited.", "route-insight"),
    ("Your fleet is XXV years old.", "f6"),
    ("The total is 15.120,50 EUR.", "route-insight onboarding"),
    ("The contract runs for thirty-six months.", "route-insight"),
]

GERMAN_LIES = [
    ("Brückner Präzision wurde 1972 gegründet.", "f2"),
    ("Brückner Präzision besteht seit 1926.", "f2"),
    ("Ihre Seiten nennen 420 Beschäftigte.", "f4"),
    ("Ihre Seiten nennen zweihundertfünfzig Beschäftigte.", "f4"),
    ("Sie fertigen auf 240 Maschinen.", "f4"),
    ("Der Umsatz lag 2023 bei 15,8 Mio. Euro.", "f9"),
    ("Der Umsatz lag 2022 bei 18,5 Mio. Euro.", "f9"),
    ("Der Umsatz lag bei 18,5 Mrd. Euro.", "f9"),
    ("Der Umsatz stieg um 7 Prozent.", "f9"),
    ("Sie arbeiten in Esslingen und in Dresden.", "f7"),
    ("Sie arbeiten mit der Velmar Technik GmbH zusammen.", "f5"),
    ("Zu Ihren Kunden wie Velmar liefern Sie Spindeln.", "f5"),
    ("Velmar nutzt bereits Line Watch.", "line-watch"),
    ("Herr Wendland sagte uns das.", "f1"),
    ("Sie sind nach ISO 9001 zertifiziert.", "f8"),
    ("Wir sind nach ISO 14001 zertifiziert.", "f8"),
    ("Schreiben Sie an vertrieb@brueckner.example.", "f10"),
    ("Line Watch kostet 304,00 EUR je Maschine und Jahr.", "line-watch"),
    ("Line Watch kostet 340,00 EUR je Maschine und Monat.", "line-watch"),
    ("Line Watch kostet 340,00 CHF je Maschine und Jahr.", "line-watch"),
    ("Guided onboarding dauert zwei Wochen.", "onboarding"),
    ("Wir garantieren, dass keine Maschine steht.", "line-watch"),
    ("Sie erhalten Ihr Geld zurück, wenn es nicht passt: volle Rückerstattung.", "onboarding"),
    ("Line Watch ist DSGVO-konform.", "line-watch"),
    ("Im ersten Jahr erhalten Sie einen Rabatt.", "line-watch"),
    ("Die Einrichtung ist kostenlos.", "onboarding"),
    ("Line Watch senkt Ihre Ausfallkosten.", "line-watch"),
    ("Der Vertrag ist jederzeit kündbar.", "line-watch"),
    ("Wir sind führend bei der Zustandsüberwachung.", "line-watch"),
    ("Viele Kunden arbeiten so.", "line-watch"),
    ("Brückner Präzision kämpft mit Stillständen.", ""),
    ("Wie besprochen beginnen wir bald.", ""),
    ("Ihr Unternehmen betreibt drei Werke.", ""),
    ("Rufen Sie uns an: 0711 5550123.", ""),
    ("Sie wurden von der Familie Brandt gegründet.", "f2"),
    ("Sie beliefern die Werft in Rostock.", "f5"),
    ("240 Maschinen laufen bei Ihnen.", "f4"),
    ("Seit über achtzig Jahren fertigen Sie Spindeln.", "f2 f5"),
    ("Line Watch läuft bereits in 30 Betrieben.", "line-watch"),
    ("Damit sparen Sie jährlich 100.000 Euro.", "line-watch"),
    ("Im Juni 2023 eröffneten Sie ein neues Werk.", "f9"),
    ("Sie betreiben Werke in Esslingen und Ulm.", "f7"),
    ("Ihre Spindeln sind die genauesten der Welt.", "f5"),
    ("Bis Ende des Monats ist alles eingerichtet.", "onboarding"),
    ("Der Umsatz sank 2023 auf 18,5 Mio. Euro.", "f11"),
]

ENGLISH_TRUTHS = [
    ("Halden Freight was founded in 1987.", "f2"),
    ("Since 1987 you have been a family business.", "f2"),
    ("Some 420 people work at Halden Freight today.", "f3"),
    ("Four hundred twenty employees need one view.", "f3"),
    ("With 120 trucks on the road, delays are hard to see.", "f6"),
    ("Your fleet counts 120 vehicles.", "f6"),
    ("From Kiel and Oslo you reach northern customers.", "f4"),
    ("You list Norda Foods as a customer.", "f7"),
    ("You are certified to ISO 9001.", "f8"),
    ("In March 2024 you opened a third depot in Rotterdam.", "f9"),
    ("The Rotterdam depot opened on 2024-03-12.", "f9"),
    ("Revenue grew 12 percent to €45m in 2024.", "f12"),
    ("Revenue reached 45,000,000 EUR.", "f12"),
    ("Your dispatch can be reached at dispatch@halden.example or 0431 5550100.", "f10 f11"),
    ("Mara Lindqvist answers for dispatch.", "f13"),
    ("Route Insight costs 86 EUR per vehicle per year.", "route-insight"),
    ("At EUR 86.00 per vehicle, Route Insight shows fleet and depots live.", "route-insight"),
    ("Guided onboarding is done within 4 weeks.", "onboarding"),
    ("Route Insight alerts the planner on duty.", "route-insight"),
    ("You say of yourselves: “We carry chilled food for producers.”", "f1"),
    ("Halden's haulage is chilled from door to door.", "f6"),
    ("Founded in the 1980s, you know the trade as a family business.", "f2"),
    ("A family business since 1987, you now employ 420 people.", "f2 f3"),
    ("The new depot in Rotterdam suggests growth.", "f9"),
    ("Training for the first team is part of Guided onboarding.", "onboarding"),
]

GERMAN_TRUTHS = [
    ("Ihr Werk in Esslingen fertigt Spindeln und Wellen.", "f5 f7"),
    ("Mit 240 Mitarbeitenden sind Sie gut aufgestellt.", "f4"),
    ("Zweihundertvierzig Beschäftigte arbeiten bei Ihnen.", "f4"),
    ("Auf 48 Maschinen entstehen Spindeln und Wellen.", "f5"),
    ("Der Umsatz 2023 betrug 18.500.000 EUR.", "f9"),
    ("Sie sind nach ISO 14001 zertifiziert.", "f8"),
    ("Line Watch kostet 340 Euro je Maschine und Jahr.", "line-watch"),
    ("Line Watch überwacht den Zustand der Fertigungslinien und warnt früh.", "line-watch"),
    ("Die Einrichtung dauert vier Wochen.", "onboarding"),
    ("Schreiben Sie an info@brueckner.example.", "f10"),
    ("Ihre Seiten nennen 1962 und 1964 als Jahr der Gründung.", "f2 f3"),
]

BOILERPLATE = [
    "Dear Halden Freight team,",
    "Thank you for your time.",
    "We look forward to hearing from you.",
    "Shall we go through this together in a first call?",
    "How many people work at Halden Freight?",
    "This offer stands for 30 days.",
    "Brightwater Signals would be glad to show you more.",
    "Please let us know what you think on Monday.",
    "If anything is unclear, just ask.",
    "We do not guarantee anything beyond this text.",
    "Sehr geehrte Damen und Herren,",
    "Vielen Dank für Ihr Interesse.",
    "Über eine Rückmeldung zu Umfang und Zeitplan freuen wir uns.",
    "Bei Fragen zu Einrichtung, Betrieb oder Abrechnung melden Sie sich gern.",
    "Mit freundlichen Grüßen",
    "Was müsste sich ändern, damit Sie von einem Erfolg sprechen?",
]


@pytest.mark.parametrize(("text", "cites"), ENGLISH_LIES)
def test_an_english_lie_is_unsupported(halden: Brief, catalogue: Catalogue, text: str, cites: str) -> None:
    finding = support(halden, catalogue, text, cites)

    assert finding.support == "unsupported"
    assert finding.reasons


@pytest.mark.parametrize(("text", "cites"), GERMAN_LIES)
def test_a_german_lie_is_unsupported(brueckner: Brief, catalogue: Catalogue, text: str, cites: str) -> None:
    finding = support(brueckner, catalogue, text, cites)

    assert finding.support == "unsupported"
    assert finding.reasons


@pytest.mark.parametrize(("text", "cites"), ENGLISH_TRUTHS)
def test_an_english_sentence_that_its_sources_say_is_supported(
    halden: Brief, catalogue: Catalogue, text: str, cites: str
) -> None:
    assert support(halden, catalogue, text, cites) == Finding(claim_id="c", support="supported")


@pytest.mark.parametrize(("text", "cites"), GERMAN_TRUTHS)
def test_a_german_sentence_that_its_sources_say_is_supported(
    brueckner: Brief, catalogue: Catalogue, text: str, cites: str
) -> None:
    assert support(brueckner, catalogue, text, cites) == Finding(claim_id="c", support="supported")


@pytest.mark.parametrize("text", BOILERPLATE)
def test_a_sentence_that_asserts_nothing_needs_no_source(halden: Brief, catalogue: Catalogue, text: str) -> None:
    assert support(halden, catalogue, text, "").support == "not_applicable"


@pytest.mark.parametrize(
    "feedback",
    [(), ("shorter",), ("in German",), ("auf Englisch",), ("formal",), ("add Care Desk", "quantity 40 of Care Desk")],
)
@pytest.mark.parametrize("which", ["halden", "brueckner", "pond"])
async def test_nothing_in_an_honest_draft_is_unsupported(
    request: pytest.FixtureRequest, model: Model, catalogue: Catalogue, which: str, feedback: tuple[str, ...]
) -> None:
    brief: Brief = request.getfixturevalue(which)

    draft = await draft_proposal(brief, model=model, catalogue=catalogue, feedback=feedback)

    assert [finding for finding in draft.findings if finding.support in ("unsupported", "partly")] == []


async def test_a_boast_that_the_customer_makes_may_be_quoted(
    brief_of: Callable[..., Brief], model: Model, catalogue: Catalogue
) -> None:
    boast = "We guarantee delivery within 24 hours, 100 % GDPR compliant."
    brief = brief_of("Velmar", "velmar.example", [(FactKey.DESCRIPTION, boast, boast)])

    draft = await draft_proposal(brief, model=model, catalogue=catalogue)

    assert [finding for finding in draft.findings if finding.support == "unsupported"] == []


def test_the_same_boast_in_our_own_words_is_unsupported(brief_of: Callable[..., Brief], catalogue: Catalogue) -> None:
    boast = "We guarantee delivery within 24 hours."
    brief = brief_of("Velmar", "velmar.example", [(FactKey.DESCRIPTION, boast, boast)])

    assert support(brief, catalogue, "We guarantee delivery within 24 hours.", "f1").support == "unsupported"


LINE = PriceLine(
    id="l1",
    offer="route-insight",
    name="Route Insight",
    quantity=3,
    unit="vehicle per year",
    unit_price=Decimal("86.00"),
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unit_price": Decimal("80.00")}, "the catalogue says 86.00"),
        ({"offer": "premium"}, "the catalogue has no offer 'premium'"),
        ({"name": "Route Insight Plus"}, "the catalogue calls it 'Route Insight'"),
        ({"unit": "vehicle per month"}, "the catalogue sells it per 'vehicle per year'"),
    ],
)
def test_a_price_line_that_differs_from_the_catalogue_is_unsupported(
    halden: Brief, catalogue: Catalogue, change: dict[str, object], reason: str
) -> None:
    (finding,) = findings(halden, catalogue, lines=(LINE.model_copy(update=change),))

    assert finding == Finding(claim_id="l1", support="unsupported", reasons=(reason,))


def test_a_price_line_as_the_catalogue_has_it_is_supported(halden: Brief, catalogue: Catalogue) -> None:
    assert findings(halden, catalogue, lines=(LINE,)) == (Finding(claim_id="l1", support="supported"),)


def test_prices_in_another_currency_are_unsupported(halden: Brief, catalogue: Catalogue) -> None:
    document = proposal_of(halden, lines=(LINE,)).model_copy(update={"currency": "USD"})

    (finding,) = check(document, sources=halden.sources, facts=halden.facts, catalogue=catalogue)

    assert finding.reasons == ("the catalogue's prices are in EUR",)


def test_a_sentence_may_repeat_the_amounts_of_its_price_lines_and_no_lowered_one(
    halden: Brief, catalogue: Catalogue
) -> None:
    honest = Claim(id="c", text="For 3 vehicles this comes to 258.00 EUR.", catalogue_ids=("route-insight",))
    lowered = honest.model_copy(update={"text": "For 3 vehicles this comes to 240.00 EUR."})

    assert findings(halden, catalogue, honest, lines=(LINE,))[0].support == "supported"
    assert (
        findings(halden, catalogue, lowered, lines=(LINE.model_copy(update={"unit_price": Decimal("80.00")}),))[
            0
        ].support
        == "unsupported"
    )


def test_a_title_or_heading_that_nothing_supports_gets_a_finding_too(halden: Brief, catalogue: Catalogue) -> None:
    document = Proposal(
        entity=halden.entity,
        title="Save 40 % with Route Insight",
        sections=(Section(key="why", title="Guaranteed results", claims=()),),
        currency="EUR",
        valid_days=30,
    )

    found = check(document, sources=halden.sources, facts=halden.facts, catalogue=catalogue)

    assert [finding.claim_id for finding in found] == ["title", "heading:why"]


def test_a_claim_that_cites_one_side_of_a_contradiction_is_partly_supported(
    brueckner: Brief, catalogue: Catalogue
) -> None:
    finding = support(brueckner, catalogue, "Brückner Präzision wurde 1962 gegründet, seit Seit 1962.", "f2")

    assert finding.support == "partly"
    assert finding.reasons == ("another source contradicts the fact 'f2': 1964",)


def test_a_fact_from_a_page_about_someone_else_supports_nothing(
    brief_of: Callable[..., Brief], catalogue: Catalogue
) -> None:
    told = [(FactKey.FOUNDED, "1987", "Founded in 1987")]
    brief = brief_of("Velmar", "velmar.example", told, subject_match="other")

    finding = support(brief, catalogue, "Velmar was founded in 1987.", "f1")

    assert finding.support == "unsupported"
    assert finding.reasons == ("the source of the fact 'f1' is about someone else",)


def test_a_fact_whose_source_is_missing_supports_nothing(halden: Brief, catalogue: Catalogue) -> None:
    document = proposal_of(halden, Claim(id="c", text="Founded in 1987.", fact_ids=("f2",)))

    (finding,) = check(document, sources=(), facts=halden.facts, catalogue=catalogue)

    assert finding.reasons == ("the fact 'f2' names a source that is not there",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.200", "1,200"),
        ("1200", "1 200"),
        ("12,5 %", "12.5 percent"),
        ("€45m", "45 Mio. Euro"),
        ("4.800,00 EUR", "EUR 4,800"),
        ("twenty-five", "25"),
        ("zweihundertvierzig", "240"),
        ("three million", "3 Mio"),
        ("１２０", "120"),
    ],
)
def test_two_spellings_of_one_figure_are_the_same(one: str, other: str) -> None:
    first, second = read(one).figures, read(other).figures

    assert [(figure.kind, figure.amount, figure.currency) for figure in first] == [
        (figure.kind, figure.amount, figure.currency) for figure in second
    ]
    assert len(first) == 1


def test_a_claim_of_book_length_is_checked_without_keeping_anybody_waiting(halden: Brief, catalogue: Catalogue) -> None:
    """Each of these shapes once took minutes."""
    started = time.monotonic()

    for shape in ("A" * 50_000, "a.b." * 12_000, "We deliver 7 crates to Velmar and Hamburg. " * 1_000):
        finding = support(halden, catalogue, shape, "f6")
        assert len(finding.reasons) <= 13

    assert time.monotonic() - started < 20


def test_a_sentence_that_tells_another_quantity_than_its_price_line_is_unsupported(
    halden: Brief, catalogue: Catalogue
) -> None:
    """It was edited in one place and not in the other, and nobody is to sign both."""
    line = PriceLine(
        id="line.route-insight", offer="route-insight", name="Route Insight", quantity=12, unit="vehicle per year",
        unit_price=Decimal("86.00"),
    )  # fmt: skip
    told = Claim(
        id="quantity_assumed.route-insight",
        text="For Route Insight we start with a quantity of 1 until you tell us more.",
        catalogue_ids=("route-insight",),
    )
    mended = told.model_copy(update={"text": told.text.replace("of 1 ", "of 12 ")})

    findings = {
        claim.text: next(
            finding
            for finding in check(
                Proposal(
                    entity=halden.entity,
                    title="Offer",
                    sections=(Section(key="offer", title="Offer", claims=(claim,)),),
                    lines=(line,),
                    currency="EUR",
                    valid_days=30,
                ),
                sources=halden.sources,
                facts=halden.facts,
                catalogue=catalogue,
            )
            if finding.claim_id == claim.id
        )
        for claim in (told, mended)
    }

    assert findings[told.text].support == "unsupported"
    assert "quantity 12" in findings[told.text].reasons[0]
    assert findings[mended.text].support == "supported"
