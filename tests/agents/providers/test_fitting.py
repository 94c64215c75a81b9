from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from agents.catalogue import Catalogue, Offer
from agents.documents import Brief, FactKey
from agents.providers.fitting import default_offer, fitting_offers, occurs, quantity_of

Made = Callable[..., Brief]


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("freight", "Halden FREIGHT Ltd", True),
        ("Spedition", "unsere Speditionsflotte", True),
        ("Lkw", "48 Lkws", True),
        ("Werk", "Werkzeuge", False),
        ("Werk", "in unseren Werken", True),
        ("plant", "implant", False),
        ("support", "transport", False),
        ("customer service", "Our customer services", True),
    ],
)
def test_a_keyword_occurs_as_a_word_or_as_the_head_of_one(keyword: str, text: str, found: bool) -> None:
    assert occurs(keyword, text) is found


def test_a_word_that_everybody_uses_does_not_outweigh_the_trade(brief_of: Made, catalogue: Catalogue) -> None:
    text = "Freight, fleet and warehouse services with a customer support line"
    brief = brief_of("Velmar", "velmar.example", [(FactKey.DESCRIPTION, text, text)])

    assert [fit.offer.id for fit in fitting_offers(brief.facts, catalogue)] == ["route-insight"]


def test_what_customers_do_says_nothing_of_the_company(brief_of: Made, catalogue: Catalogue) -> None:
    brief = brief_of("Velmar", "velmar.example", [(FactKey.CUSTOMER, "Nord Clinic", "Our customers: Nord Clinic")])

    assert fitting_offers(brief.facts, catalogue) == ()


def test_the_fact_shown_is_the_one_that_tells_most(halden: Brief, catalogue: Catalogue) -> None:
    (fit,) = fitting_offers(halden.facts, catalogue)

    assert fit.fact is not None
    assert fit.fact.id == "f6"


@pytest.mark.parametrize(
    ("quote", "number"),
    [
        ("a fleet of 120 trucks", 120),
        ("1.250 eigene Lkw", 1250),
        ("1,250 modern vehicles on the road", 1250),
        ("Since 2019 trucks are electric", 1),
        ("2019 trucks and more", 2019),
        ("trucks for 30 years", 1),
        ("more than 3.5 trucks", 1),
        ("0 trucks", 1),
        ("420 people and 80 vans", 80),
        ("no 20 trucks", 1),
        ("no 20 trucks, only 7 trucks", 1),
        ("delivered with 500 trucks in 1995 and runs 12 trucks today", 12),
        ("a fleet of 20 trucks, or is it 30 trucks", 1),
    ],
)
def test_a_quantity_is_the_number_that_counts_the_unit(
    brief_of: Made, catalogue: Catalogue, quote: str, number: int
) -> None:
    offer = catalogue.offer("route-insight")
    brief = brief_of("Velmar", "velmar.example", [(FactKey.SERVICE, "Haulage", quote)])
    assert offer is not None

    quantity = quantity_of(offer, brief.facts)

    assert quantity is not None
    assert quantity.number == number
    assert (quantity.fact is None) is (number == 1)


def test_a_contradicted_number_is_no_quantity(brief_of: Made, catalogue: Catalogue) -> None:
    told = [(FactKey.SERVICE, "Haulage", "80 trucks"), (FactKey.SERVICE, "Haulage", "90 trucks")]
    offer = catalogue.offer("route-insight")
    assert offer is not None

    quantity = quantity_of(offer, brief_of("Velmar", "velmar.example", told, conflicts={"f1": ("f2",)}).facts)

    assert quantity is not None
    assert quantity.fact is None


def test_employees_are_counted_where_an_offer_is_sold_by_them(brief_of: Made) -> None:
    offer = Offer(id="x", name="X", description="x", unit="employee per year", unit_price=Decimal(1))
    brief = brief_of("Velmar", "velmar.example", [(FactKey.EMPLOYEES, "1.240", "Staff: 1.240")])

    quantity = quantity_of(offer, brief.facts)

    assert quantity is not None
    assert quantity.number == 1240


def test_a_package_is_not_counted(catalogue: Catalogue, halden: Brief) -> None:
    offer = catalogue.offer("onboarding")
    assert offer is not None

    assert quantity_of(offer, halden.facts) is None


def test_the_default_is_the_offer_without_keywords_or_else_the_least_expensive(catalogue: Catalogue) -> None:
    assert default_offer(catalogue).id == "onboarding"

    others = tuple(offer for offer in catalogue.offers if offer.keywords)
    assert default_offer(catalogue.model_copy(update={"offers": others})).id == "route-insight"
