from __future__ import annotations

from pathlib import Path

import pytest

from agents.catalogue import read_catalogue
from agents.errors import CatalogueError

SMALL = """
seller = "Brightwater"
currency = "EUR"
[[offers]]
id = "a"
name = "A"
description = "An offer."
unit = "piece"
unit_price = "1.50"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_sample_reads_and_every_offer_speaks_german() -> None:
    catalogue = read_catalogue()

    assert len(catalogue.offers) >= 3
    for offer in catalogue.offers:
        assert offer.described("de") != offer.description
        assert offer.sold_per("de") != offer.unit
        assert offer.described("fr") == offer.description


def test_the_version_changes_with_any_byte_and_with_nothing_else(tmp_path: Path) -> None:
    first = read_catalogue(written(tmp_path, SMALL)).version

    assert read_catalogue(written(tmp_path, SMALL)).version == first
    assert read_catalogue(written(tmp_path, SMALL + "# a remark\n")).version != first


def test_a_missing_file_is_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"nowhere\.toml.*AGENTS_CATALOGUE"):
        read_catalogue(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seller = ", "is not valid TOML"),
        (SMALL.replace("1.50", "1.505"), r"offers\.0\.unit_price.*two decimals"),
        (SMALL.replace('"1.50"', '"-1"'), r"offers\.0\.unit_price"),
        (SMALL.replace("EUR", "Euro"), "currency"),
        (SMALL + SMALL[SMALL.index("[[") :], "two offers have the id 'a'"),
        (SMALL.replace("unit =", "units_of ="), "offers"),
        ('seller = "B"\ncurrency = "EUR"\noffers = []', "offers"),
    ],
)
def test_what_is_wrong_in_it_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=says) as refused:
        read_catalogue(written(tmp_path, text))

    assert "catalogue.toml" in str(refused.value)


def test_an_offer_is_found_by_its_id() -> None:
    catalogue = read_catalogue()

    assert catalogue.offer("onboarding") is not None
    assert catalogue.offer("nothing") is None
