"""A country is named where the surest evidence agrees, and left open where it does not."""

from __future__ import annotations

import pytest

from agents.documents import FactKey
from agents.research.candidates import Candidate
from agents.research.countries import country_of


def _address(value: str) -> Candidate:
    return Candidate(FactKey.ADDRESS, value, "text", 0, len(value), "rule", 0.9)


def _legal(value: str) -> Candidate:
    return Candidate(FactKey.LEGAL_NAME, value, "text", 0, len(value), "rule", 0.9)


@pytest.mark.parametrize(
    ("candidates", "domain", "text", "country"),
    [
        ([_address("Am Hafen 1, 20457 Hamburg, Germany")], None, "", "DE"),
        ([_address("Kaiveien 5, 8800 Sandnessjøen, NO")], None, "", "NO"),
        ([_address("Industrieweg 8, B-9000 Gent")], None, "", "BE"),
        ([_address("Waalhaven 21, 3089 JH Rotterdam")], None, "", "NL"),
        ([_address("14 Quay Road, Hull HU1 2AB")], None, "", "GB"),
        ([_address("Main St 4, Boise, ID 83705")], None, "", "US"),
        ([_address("Hammerweg 12, 57072 Siegen")], None, "Amtsgericht Siegen HRB 1234", "DE"),
        ([_legal("Nubaria Software, S.L.")], None, "", "ES"),
        ([], "penalba.es", "", "ES"),
        ([_address("Hammerweg 12, 57072 Siegen")], "tannhoff.example", "", None),
        ([_legal("Halden Freight Ltd")], "halden.io", "", None),
        ([_address("1 Quay, Hull HU1 2AB, UK"), _address("Kade 1, 3011 AA Rotterdam, Netherlands")], "a.de", "", None),
    ],
)
def test_the_surest_evidence_decides(
    candidates: list[Candidate], domain: str | None, text: str, country: str | None
) -> None:
    assert country_of(candidates, domain, text) == country
