"""What the template draws: names and labels that belong together, nothing that runs, and what a reviewer must see."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from approvals.errors import FieldError
from approvals.forms import Mark, nodes, ordered
from approvals.forms.marks import marks

SCHEMA = ordered(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 40, "description": "what it is called"},
            "note": {"type": "string", "ui": {"widget": "markdown"}},
            "days": {"type": "integer", "minimum": 1, "maximum": 365},
            "nickname": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "apply": {"type": "boolean"},
            "colour": {"enum": ["red", "dark_green"]},
            "claims": {"type": "array", "items": {"$ref": "#/$defs/Claim"}},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/PriceLine"}},
            "internal": {"type": "string", "ui": {"hidden": True}},
            "terms": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["title"],
        "$defs": {
            "Claim": {
                "title": "Claim",
                "type": "object",
                "properties": {
                    "id": {"type": "string", "ui": {"hidden": True}},
                    "text": {"type": "string"},
                    "why": {"type": "array", "items": {"type": "string"}},
                },
            },
            "PriceLine": {
                "title": "PriceLine",
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "unit_price": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                },
            },
        },
    }
)


def document() -> Any:
    return {
        "title": "Offer <b>",
        "note": "# Big\n\n[acme.example](https://evil.example) ![x](https://i.example/p.png)\n\n|a|\n|:-:|\n|1|",
        "days": 30,
        "nickname": None,
        "apply": True,
        "colour": "red",
        "claims": [{"id": "c1", "text": "We run 40 shops.", "why": []}, {"id": "c2", "text": "pаypal", "why": ["x"]}],
        "lines": [{"name": "Licence", "unit_price": "1150.00"}, {"name": "Support", "unit_price": "620.00"}],
        "internal": "k",
        "terms": {"a": "b"},
    }


def tree(html: str) -> LexborHTMLParser:
    return LexborHTMLParser(html)


@pytest.fixture
def page(drawn):
    errors = [
        FieldError("days", "Too many."),
        FieldError("lines.1.unit_price", "Too dear."),
        FieldError("internal", "No."),
        FieldError("claims.0.text", "Too bold."),
        FieldError("", "Together they do not fit."),
    ]
    original = {**document(), "title": "Offer", "lines": document()["lines"][:1]}
    return tree(drawn(nodes(SCHEMA, document(), original, errors, marks={"claims.0.text": Mark("c1", "quoted")})))


def test_each_control_that_is_seen_has_a_name_for_everybody(page):
    labelled = {label.attributes.get("for") for label in page.css("label")}
    for control in page.css("input:not([type=hidden]), select, textarea"):
        parents = []
        node = control.parent
        while node is not None:
            parents.append(node.tag)
            node = node.parent
        named = control.attributes.get("id") in labelled or control.attributes.get("aria-label") or "label" in parents
        assert named, control.html


def test_ids_are_unique_and_descriptions_are_there(page):
    ids = Counter(node.attributes["id"] for node in page.css("[id]"))

    assert [one for one, count in ids.items() if count > 1] == []
    for control in page.css("[aria-describedby]"):
        for one in (control.attributes["aria-describedby"] or "").split():
            assert one in ids, one


def test_nothing_runs_and_nothing_is_styled_or_fetched(page):
    html = page.html or ""

    assert page.css("script, style, img, a, iframe, link") == []
    for node in page.css("*"):
        assert not [name for name in node.attributes if name.startswith("on") or name == "style"], node.html
    assert "<b>" not in html.replace("&lt;b&gt;", "")
    assert "https://evil.example" in page.css_first(".link-target").text()


def test_errors_stand_at_their_fields_and_are_announced(page):
    wrong = {control.attributes["name"] for control in page.css("[aria-invalid=true]")}

    assert wrong == {"d.days", "d.lines.1.unit_price", "d.claims.0.text"}
    messages = [message.text().strip() for message in page.css(".field-message")]
    assert messages == ["Together they do not fit.Internal: No.", "Too many.", "Too bold.", "Too dear."]


def test_edits_and_additions_are_marked(page):
    assert "field-edited" in (page.css_first("#f-d\\.title").parent.attributes["class"] or "")
    assert [row.attributes["data-row"] for row in page.css("tr.row-added")] == ["1"]
    assert page.css(".row-changed, .row-moved") == []


def test_claims_are_marked_with_how_they_stand(page):
    (claim,) = page.css(".claim")

    assert "claim-quoted" in (claim.attributes["class"] or "")
    assert claim.attributes["data-claim"] == "c1"


def test_look_alikes_are_told_with_a_raw_view(page):
    told = page.css_first("#f-d\\.claims\\.1\\.text-characters")

    assert "CYRILLIC SMALL LETTER A" in told.css_first(".character-look-alike").text()
    assert "pа⟦U+0430 CYRILLIC SMALL LETTER A⟧ypal" in told.css_first(".spelled").text()


def test_a_list_of_flat_things_is_a_table_and_its_cells_are_labelled(page):
    table = page.css_first("table.rows")

    assert [head.text() for head in table.css("th")] == ["Name", "Unit price", "Move or remove"]
    assert [cell.attributes["data-label"] for cell in table.css("tbody tr:first-child td[data-label]")] == [
        "Name",
        "Unit price",
    ]
    money = table.css_first("input.money")
    assert money.attributes["value"] == "1,150.00"
    assert money.attributes["aria-label"] == "Unit price, Price line 1"
    assert len(page.css("fieldset.card.row")) == 2


def test_the_first_button_does_nothing_to_the_document(page):
    """Browsers press it when somebody hits Enter in a field."""
    assert page.css("button")[0].attributes["value"] == "save"


def test_hints_limits_and_order_are_those_of_the_class(page):
    title = page.css_first("#f-d\\.title")

    assert title.attributes["maxlength"] == "40"
    assert title.attributes["aria-required"] == "true"
    assert page.css_first("#f-d\\.title-hint").text() == "What it is called"
    assert page.css_first("#f-d\\.days-hint").text() == "From 1 to 365."
    assert [option.text() for option in page.css("#f-d\\.colour option")] == ["Red", "Dark green"]
    labels = [
        one.text(deep=False).strip() for one in page.css(".fields > .field .field-label, .fields > fieldset > legend")
    ]
    assert labels == [
        "Title",
        "Note",
        "Days",
        "Nickname",
        "Apply",
        "Colour",
        "Claims",
        "Text",
        "Why",
        "Text",
        "Why",
        "Lines",
        "Terms",
    ]


def test_what_nobody_may_type_into_is_plain_text(drawn):
    page = tree(drawn(nodes(SCHEMA, document(), None, readonly=True, marks={"claims.0.text": Mark("c1", "cited")})))

    assert page.css("input, select, textarea, button") == []
    text = page.text()
    assert "1,150.00" in text
    assert "Not set" in text
    assert "Yes" in text
    assert "Dark green" not in text
    assert "claim-cited" in (page.html or "")


def test_marks_are_found_by_the_ids_of_claims():
    assert marks(document(), {"c2": "unsourced", "c9": "quoted"}) == {"claims.1.text": Mark("c2", "unsourced")}


def test_groups_have_headings(drawn):
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "ui": {"group": "The offer"}},
            "b": {"type": "string"},
            "c": {"type": "string", "ui": {"group": "The offer"}},
        },
    }

    page = tree(drawn(nodes(ordered(schema), {"a": "", "b": "", "c": ""})))

    assert [one.text() for one in page.css("h2")] == ["The offer"]
    assert [len(sheet.css(".field")) for sheet in page.css(".sheet")] == [2, 1]


def test_the_order_of_fields_survives_canonical_storage():
    schema = {
        "properties": {"z": {"properties": {"y": {}, "x": {"enum": [{"properties": 1}]}}}, "a": {}, "properties": {}}
    }

    told = ordered(schema)

    assert told["ui"] == {"order": ["z", "a", "properties"]}
    assert told["properties"]["z"]["ui"] == {"order": ["y", "x"]}
    assert told["properties"]["z"]["properties"]["x"] == {"enum": [{"properties": 1}]}
    assert told["properties"]["properties"] == {}
