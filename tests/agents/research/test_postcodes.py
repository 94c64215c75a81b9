"""Addresses as a dozen countries write them, in one line or several, and what only looks like one."""

from __future__ import annotations

import pytest

from agents.documents import FactKey
from agents.research.addresses import addresses
from agents.research.plain_text import read_text


def _found(text: str) -> list[str]:
    page = read_text(text, "text:")
    return [c.value for c in addresses(page, []) if c.key is FactKey.ADDRESS and c.confidence > 0.8]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Waalhaven 21, 3089 JH Rotterdam, Netherlands", "Waalhaven 21, 3089 JH Rotterdam, Netherlands"),
        (
            "4 Station Approach, Marlow SL7 1NT, United Kingdom",
            "4 Station Approach, Marlow SL7 1NT, United Kingdom",
        ),
        ("Visit us at 12 Harbour Street, Wick, Kent CT5 1AQ", "12 Harbour Street, Wick, Kent CT5 1AQ"),
        ("Tannhoff AG, Bahnhofstrasse 12, 8001 Zürich", "Bahnhofstrasse 12, 8001 Zürich"),
        ("Quellwerk GmbH Leipziger Straße 118, 01127 Dresden", "Leipziger Straße 118, 01127 Dresden"),
        ("Gewerbepark Ost 3, A-4840 Vöcklabruck", "Gewerbepark Ost 3, A-4840 Vöcklabruck"),
        ("Siège : 14 bis avenue Foch, 75116 Paris Cedex 16", "14 bis avenue Foch, 75116 Paris Cedex 16"),
        ("Route de Fécamp, 76400 Tourville-les-Ifs", "Route de Fécamp, 76400 Tourville-les-Ifs"),
        ("Calle Real, 23, 14870 Zuheruela (Córdoba)", "Calle Real, 23, 14870 Zuheruela (Córdoba)"),
        ("Via Roma, 12, 20121 Milano (MI)", "Via Roma, 12, 20121 Milano (MI)"),
        ("Industrieweg 8, B-9000 Gent", "Industrieweg 8, B-9000 Gent"),
        ("Kungsgatan 12, 111 43 Stockholm", "Kungsgatan 12, 111 43 Stockholm"),
        ("Havnegade 27, 2. sal, 5700 Svendborg", "Havnegade 27, 2. sal, 5700 Svendborg"),
        ("Storgata 5, 0155 Oslo", "Storgata 5, 0155 Oslo"),
        ("One Market Street, Suite 500, San Lobo, CA 94105", "One Market Street, Suite 500, San Lobo, CA 94105"),
        ("Suite 4, 120 King Street West, Toronto, ON M5H 1J9", "Suite 4, 120 King Street West, Toronto, ON M5H 1J9"),
    ],
)
def test_an_address_is_found_whole(text: str, address: str) -> None:
    assert _found(text) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "Im Jahr 2019 Neubau, seit 2020 Berlin",
        "We moved 12 machines, 2004 Übernahme",
        "200 employees, 2024 Umsatz, 40 Länder",
        "Tel 0113 496 0720, Leeds LS1 4AB",
        "Over 5000 Kunden, 20 Länder",
    ],
)
def test_years_and_quantities_are_no_addresses(text: str) -> None:
    assert _found(text) == []


def test_each_place_of_a_row_of_offices_is_its_own_address() -> None:
    found = _found("15 East 5th Street, Tulsa, OK 74103 | 210 Park Avenue, Omaha, NE 68102")

    assert found == ["15 East 5th Street, Tulsa, OK 74103", "210 Park Avenue, Omaha, NE 68102"]
