"""Real documents, and a class with every oddity that pydantic can write into a schema, through the real template."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.documents import Brief, CrmUpdate, EntityRef, Proposal, dump
from approvals.canonical import canonical
from approvals.differences import differences
from approvals.errors import FieldError
from approvals.forms import nodes, ordered

SLOW = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=40)

LINE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
WORDS = LINE | st.sampled_from(["Runs 40 shops.", "a\nb", "\nfirst", "x\r\ny", "tab\t", "<b>", " edge ", "ü" * 130])
IDS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=4)
MONEY = st.integers(-(10**11), 10**11).map(lambda cents: f"{Decimal(cents).scaleb(-2):.2f}")
ENTITY = st.builds(
    lambda name, domain, aliases: {"name": name, "domain": domain, "aliases": aliases},
    LINE,
    st.none() | WORDS | st.just(""),
    st.lists(WORDS, max_size=3),
)


def stored(kind: type[BaseModel]) -> Any:
    """The schema as a request keeps it: ordered, canonical, and read again."""
    return json.loads(canonical(ordered(kind.model_json_schema(mode="validation"))))


@st.composite
def proposals(draw: st.DrawFn) -> Any:
    claims = draw(IDS)
    sections = [
        {
            "key": f"s{number}",
            "title": draw(LINE),
            "claims": [
                {"id": f"{number}{one}", "text": draw(WORDS), "fact_ids": draw(st.lists(WORDS, max_size=2))}
                for one in claims
            ],
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    lines = [
        {
            "id": f"l{one}",
            "offer": draw(WORDS),
            "name": draw(LINE),
            "quantity": draw(st.integers(1, 10**6)),
            "unit": draw(LINE),
            "unit_price": draw(MONEY),
        }
        for one in draw(IDS)
    ]
    made = {
        "entity": draw(ENTITY),
        "title": draw(LINE),
        "sections": sections,
        "lines": lines,
        "currency": "EUR",
        "valid_days": draw(st.integers(1, 365)),
    }
    return dump(Proposal.model_validate(made))


CHANGES = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("create"),
            "object": st.just("deal"),
            "key": LINE,
            "fields": st.dictionaries(WORDS | st.just(""), WORDS, max_size=3),
            "apply": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("set_field"),
            "object": st.just("deal"),
            "key": LINE,
            "field": LINE,
            "before": st.none() | WORDS | st.just(""),
            "after": WORDS,
            "why": WORDS,
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("add_note"), "object": st.just("contact"), "key": LINE, "about": LINE, "body": WORDS}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("associate"),
            "object": st.just("company"),
            "key": LINE,
            "to_object": st.just("deal"),
            "to_key": LINE,
        }
    ),
)
UPDATES = st.builds(
    lambda entity, changes: dump(
        CrmUpdate.model_validate({"crm": "embedded://", "entity": entity, "changes": changes})
    ),
    ENTITY,
    st.lists(CHANGES, max_size=4),
)


@SLOW
@given(document=proposals())
def test_an_untouched_proposal_is_the_agents(document, through_a_browser):
    typed = through_a_browser(stored(Proposal), document)

    assert canonical(typed.document) == canonical(document)
    assert typed.errors == ()


@SLOW
@given(document=UPDATES)
def test_an_untouched_crm_update_is_the_agents(document, through_a_browser):
    typed = through_a_browser(stored(CrmUpdate), document)

    assert canonical(typed.document) == canonical(document)
    assert typed.errors == ()


def test_an_untouched_brief_is_the_agents(through_a_browser):
    document = a_brief()

    typed = through_a_browser(stored(Brief), document)

    assert canonical(typed.document) == canonical(document)
    assert typed.errors == ()


def a_brief() -> Any:
    source = {
        "id": "s1",
        "address": "https://halden.example",
        "kind": "site",
        "fetched_at": "2026-03-02T12:00:00+01:00",
        "sha256": "0" * 64,
        "text_sha256": "1" * 64,
    }
    fact = {
        "id": "f1",
        "key": "employees",
        "value": "40",
        "quote": "forty\npeople",
        "source_id": "s1",
        "start": 0,
        "end": 12,
        "method": "rule",
        "confidence": 0.1 + 0.2,
    }
    return dump(Brief(entity=EntityRef(name="Halden"), sources=[source], facts=[fact], not_found=["phone"]))


# -- a class with everything -------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    GREEN = "dark_green"


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    left: Tree | None = None
    branches: list[Tree] = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    owner: Cat | None = None
    tags: set[str] = set()


class Odd(BaseModel):
    """Everything."""

    model_config = ConfigDict(extra="allow")

    title: Annotated[str, Field(max_length=80, json_schema_extra={"ui": {"group": "The offer", "label": "Headline"}})]
    body: Annotated[str, Field(json_schema_extra={"ui": {"widget": "markdown"}})] = "# Hi"
    secret: Annotated[str, Field(json_schema_extra={"ui": {"hidden": True}})] = "s\nx"
    fixed_price: Annotated[Decimal, Field(json_schema_extra={"ui": {"readonly": True}})] = Decimal("1150.00")
    rate: Decimal = Decimal("1.150")
    maybe_rate: Decimal | None = None
    share: float = 0.1
    count: Annotated[int, Field(ge=1, le=10)] = 3
    maybe_count: int | None = None
    flag: bool = True
    maybe_flag: bool | None = None
    day: date = date(2026, 3, 2)
    maybe_day: date | None = None
    at: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    naive: datetime = datetime(2026, 3, 2, 12, 0, 7)  # noqa: DTZ001
    exact: datetime = datetime(2026, 3, 2, 12, 0, 7, 123456, tzinfo=UTC)
    maybe_at: datetime | None = None
    colour: Colour = Colour.GREEN
    maybe_colour: Colour | None = None
    level: Literal[1, 2, 3] = 2
    mixed: Literal["a", 1, True, None] = None
    nickname: str | None = None
    empty: str = ""
    number_or_text: int | str = "7"
    ids_or_names: list[int] | list[str] = ["a"]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Dog(owner=Cat())
    maybe_pet: Cat | Dog | None = None
    pair: tuple[int, str] = (1, "x")
    tags: set[str] = {"a"}
    figures: dict[str, Decimal] = {"a.b": Decimal("1150.00"), "": Decimal("2.5"), "x\ny": Decimal("3")}
    nested: dict[str, dict[str, list[int]]] = {"k": {"l": [1, 2]}}
    tree: Tree = Tree(name="root", left=Tree(name="l"), branches=[Tree(name="b", branches=[Tree(name="c")])])
    anything: Any = {"deep": [1, None, "\x00"]}
    things: list[Any] = [1, "x", None, {"a": []}]
    grid: list[list[int]] = [[1, 2], []]
    nothing: None = None


def odd(**more: Any) -> Any:
    return Odd(title="Odd", **more).model_dump(mode="json")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"extra": 1, "extra.dotted": {"x": ["y"]}, "__k": "a\r\nb", "": None},
        {"nickname": "", "maybe_rate": "1", "maybe_count": 0, "maybe_flag": False, "maybe_day": "2026-01-01"},
        {"maybe_pet": {"kind": "cat"}, "maybe_colour": "red", "maybe_at": "2026-03-02T12:00:00Z", "number_or_text": 7},
        {"share": 1e300, "count": 10, "rate": "-0.00", "body": "\n\nx\n", "level": 3, "mixed": True},
        {"share": 5e-324, "rate": "1234567.5", "figures": {}, "tags": [], "branches": [], "anything": None},
    ],
)
def test_a_class_with_every_oddity_comes_back(more, through_a_browser):
    document = odd(**more)

    typed = through_a_browser(stored(Odd), document)

    assert canonical(typed.document) == canonical(document)
    assert typed.errors == ()


def test_what_fits_no_schema_comes_back_too(through_a_browser):
    """A working copy holds whatever somebody handed in over REST."""
    document = {
        "title": 5,
        "rate": 1150.5,
        "count": "12",
        "flag": "yes",
        "day": 7,
        "pet": {"kind": "bird"},
        "pair": [1],
        "tree": {"name": "x", "new": 1},
        "figures": [],
        "colour": "blue",
        "level": "2",
        "share": True,
    }

    typed = through_a_browser(stored(Odd), document)

    assert canonical(typed.document) == canonical(document)


# -- edits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "typed", "path", "value"),
    [
        ("d.title", "New\r\nline", "title", "Newline"),
        ("d.body", "# New\n\n\ntext", "body", "# New\n\n\ntext"),
        ("d.body", "", "body", ""),
        ("d.rate.__exact", "2", "rate", "2"),
        ("d.maybe_rate", "1,150.00", "maybe_rate", "1150.00"),
        ("d.share", "0.25", "share", 0.25),
        ("d.count", "7", "count", 7),
        ("d.maybe_count", "1,000", "maybe_count", 1000),
        ("d.maybe_flag", "false", "maybe_flag", False),
        ("d.flag", None, "flag", False),
        ("d.day", "2027-01-29", "day", "2027-01-29"),
        ("d.maybe_day", "2027-01-29", "maybe_day", "2027-01-29"),
        ("d.at.__utc", "2027-01-29T08:30", "at", "2027-01-29T08:30:00Z"),
        ("d.naive.__wall", "2027-01-29T08:30:05", "naive", "2027-01-29T08:30:05"),
        ("d.maybe_at.__utc", "2027-01-29T08:30", "maybe_at", "2027-01-29T08:30:00Z"),
        ("d.colour", '"red"', "colour", "red"),
        ("d.maybe_colour", '"red"', "maybe_colour", "red"),
        ("d.level", "3", "level", 3),
        ("d.mixed", "true", "mixed", True),
        ("d.nickname", "Bo", "nickname", "Bo"),
        ("d.number_or_text", "8", "number_or_text", "8"),
        ("d.ids_or_names.__lines", "b\r\n\r\n", "ids_or_names", ["b"]),
        ("d.tags.__lines", "a\n c", "tags", ["a", " c"]),
        ("d.pet.owner.lives", "8", "pet.owner.lives", 8),
        ("d.pair.0", "2", "pair.0", 2),
        ("d.figures.0.__value", "1,151", "figures.a.b", "1151"),
        ("d.tree.branches.0.branches.0.name", "z", "tree.branches.0.branches.0.name", "z"),
        ("d.anything.__json", '{"deep": [2]}', "anything", {"deep": [2]}),
        ("d.things.3.__json", "[]", "things.3", []),
        ("d.grid.0.1", "3", "grid.0.1", 3),
    ],
)
def test_one_edit_arrives_with_its_type_and_nothing_else_moves(name, typed, path, value, through_a_browser):
    document = odd()

    result = through_a_browser(stored(Odd), document, fill={name: typed})

    assert result.errors == ()
    expected = json.loads(json.dumps(document))
    place, steps = expected, ["figures", "a.b"] if path == "figures.a.b" else path.split(".")
    for step in steps[:-1]:
        place = place[int(step) if isinstance(place, list) else step]
    last = int(steps[-1]) if isinstance(place, list) else steps[-1]
    assert place[last] != value
    place[last] = value
    assert canonical(result.document) == canonical(expected)


def test_a_kind_can_be_chosen_where_it_is_simple(through_a_browser):
    typed = through_a_browser(stored(Odd), odd(), fill={"d.number_or_text.__as": "0", "d.number_or_text": "8"})

    assert typed.document["number_or_text"] == 8


@pytest.mark.parametrize(
    ("ticked", "text", "value"),
    [(("was", True), "", None), (("was", True), "Bo", "Bo"), (("was", False), "", ""), (("was", False), "Bo", "Bo")],
)
def test_nothing_and_empty_are_two_answers(ticked, text, value, through_a_browser):
    fill = {"d.nickname": text, "d.nickname.__null": "on" if ticked[1] else None}

    assert through_a_browser(stored(Odd), odd(), fill=fill).document["nickname"] == value


def test_a_text_can_be_made_nothing(through_a_browser):
    typed = through_a_browser(stored(Odd), odd(nickname="Bo"), fill={"d.nickname.__null": "now"})

    assert typed.document["nickname"] is None


@pytest.mark.parametrize(
    ("name", "typed", "path"),
    [
        ("d.count", "twelve", "count"),
        ("d.count", "", "count"),
        ("d.count", "1.000", "count"),
        ("d.count", "99999999999999999999", "count"),
        ("d.share", "1e400", "share"),
        ("d.share", "1,5", "share"),
        ("d.share", "NaN", "share"),
        ("d.maybe_rate", "1,15", "maybe_rate"),
        ("d.maybe_rate", "1.150", "maybe_rate"),
        ("d.maybe_rate", "1150,00", "maybe_rate"),
        ("d.maybe_rate", "1.150,00", "maybe_rate"),
        ("d.anything.__json", '{"a": ', "anything"),
        ("d.anything.__json", '{"a": 1, "a": 2}', "anything"),
        ("d.anything.__json", "[" * 5000, "anything"),
    ],
)
def test_what_cannot_be_read_is_kept_and_shown_again(name, typed, path, drawn, through_a_browser):
    result = through_a_browser(stored(Odd), odd(), fill={name: typed})

    assert [one.path for one in result.errors] == [path]
    assert result.document[path] == typed
    tree = nodes(stored(Odd), result.document, odd(), result.errors)
    node = tree.at(path)
    assert node is not None
    assert node.errors
    assert node.value == typed
    assert typed in node.text or json.dumps(typed) in node.text
    assert 'aria-invalid="true"' in drawn(tree)
    again = through_a_browser(stored(Odd), result.document)
    assert canonical(again.document) == canonical(result.document)


@pytest.mark.parametrize("typed", ["1150", "1,150.00", "1 150", "1'150.0", "1150.000", " 1150.00 ", "+1150"])
def test_another_spelling_of_the_same_amount_is_no_edit(typed, through_a_browser):
    document = odd(maybe_rate="1150.00")

    result = through_a_browser(stored(Odd), document, fill={"d.maybe_rate": typed}, base=document)

    assert differences(document, result.document) == ()


def test_typing_back_what_was_there_leaves_no_difference(through_a_browser):
    document = odd()
    changed = through_a_browser(stored(Odd), document, fill={"d.body": "x", "d.count": "4"}).document

    restored = through_a_browser(stored(Odd), changed, fill={"d.body": "# Hi", "d.count": "3"}).document

    assert differences(document, changed) != ()
    assert differences(document, restored) == ()


def test_errors_of_the_real_class_find_their_fields(through_a_browser):
    document = odd()
    document |= {"count": 99, "pet": {"kind": "dog", "owner": {"kind": "cat", "lives": "many"}}, "tree": {"name": 3}}
    with pytest.raises(ValidationError) as refused:
        Odd.model_validate(document)
    errors = [FieldError(".".join(map(str, one["loc"])), one["msg"]) for one in refused.value.errors()]

    tree = nodes(stored(Odd), document, None, errors)

    wrong = {node.path for node in tree.walk() if node.errors}
    assert {"count", "tree.name", "pet.owner.lives"} <= wrong
