"""Field maps: what is read from a file, and that nothing outside it is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.crm.mapping import OBJECTS, FieldMap, version_of
from agents.errors import CrmError, UnknownObject

SHIPPED = ["csv", "hubspot", "salesforce", "tryton"]
MAP = """
[company]
name = "title"
[contact]
name = ["first", "last"]
[deal]
name = "title"
amount = "sum"
stage = { property = "phase", values = { "Won" = "w", "Lost" = "l" } }
"""


def read(folder: Path, text: str = MAP) -> FieldMap:
    path = folder / "fields.toml"
    path.write_text(text)
    return FieldMap.read("hubspot", path)


@pytest.mark.parametrize("vendor", SHIPPED)
def test_the_maps_that_ship_name_every_object(vendor: str) -> None:
    fields = FieldMap.read(vendor).fields()

    assert set(fields) == set(OBJECTS)
    assert all("name" in names for names in fields.values())


def test_values_go_out_and_come_back(tmp_path: Path) -> None:
    fields = read(tmp_path)

    out = fields.outgoing("deal", {"name": "Offer", "amount": "100.00", "stage": "Won"})

    assert out == {"title": "Offer", "sum": "100.00", "phase": "w"}
    assert fields.incoming("deal", {**out, "sum": "100", "owner": "me"}) == {
        "name": "Offer",
        "amount": "100.00",
        "stage": "Won",
    }


@pytest.mark.parametrize("name", ["Anna Berg", "Berg", "Anna Maria Berg"])
def test_a_name_in_two_properties_reads_as_one(tmp_path: Path, name: str) -> None:
    fields = read(tmp_path)

    assert fields.incoming("contact", dict(fields.outgoing("contact", {"name": name}))) == {"name": name}


def test_a_word_that_the_map_does_not_know_passes(tmp_path: Path) -> None:
    fields = read(tmp_path)

    assert fields.outgoing("deal", {"stage": "open"}) == {"phase": "open"}
    assert fields.incoming("deal", {"phase": "open"}) == {"stage": "open"}


def test_a_field_outside_the_map_is_refused_with_those_in_it(tmp_path: Path) -> None:
    with pytest.raises(UnknownObject, match=r"no field 'owner'.*name, amount, stage"):
        read(tmp_path).canonical("deal", "owner", "me")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[company", "cannot be read"),
        (MAP.replace("[contact]", "[kontakt]"), r"table \[contact\]"),
        (MAP + "\n[ticket]\nname = 'x'\n", "'ticket'.*company, contact, deal"),
        (MAP.replace('"title"', "1"), r"\[company\] name in .*is the name of a property"),
        (MAP.replace('["first", "last"]', '["a", "b", "c"]'), "two of them"),
        (MAP.replace('"Lost" = "l"', '"Lost" = "w"'), "different ones"),
    ],
    ids=["no TOML", "an object missing", "an object too many", "no name", "three names", "one code for two words"],
)
def test_a_map_that_is_wrong_is_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CrmError, match=says):
        read(tmp_path, text)


def test_a_file_that_is_missing_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(CrmError, match=r"nowhere\.toml.*AGENTS_CRM_FIELDS"):
        FieldMap.read("csv", tmp_path / "nowhere.toml")


def test_a_version_changes_with_the_values_and_not_with_their_order() -> None:
    assert version_of({"a": "1", "b": "2"}) == version_of({"b": "2", "a": "1"})
    assert version_of({"a": "1"}) != version_of({"a": "2"})
    assert version_of({"a": "1"}) != version_of({})
