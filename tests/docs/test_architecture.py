"""The architecture page is held to the table, the layers and the dependencies."""

from __future__ import annotations

import re
import tomllib

from pages import ARCHITECTURE, GLOSSARY, ROOT, blocks, rows, section

from approvals.lifecycle import Action, diagram
from flows.errors import FlowError
from flows.gates import Unapproved

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_diagram_is_the_table() -> None:
    shown = [block.text.strip() for block in blocks(ARCHITECTURE, "mermaid")]

    assert diagram() in shown


def test_every_dependency_earns_its_place_and_no_other_is_listed() -> None:
    needed = {re.split(r"[\[<>=~! ]", one)[0] for one in PROJECT["project"]["dependencies"]}
    listed = rows(section(ARCHITECTURE, "Why each dependency"))

    assert sorted(dependency.strip("`") for dependency, _ in listed) == sorted(needed)
    assert all(len(why.split()) >= 1 for _, why in listed)


def test_every_layer_of_a_package_is_spoken_of() -> None:
    told = section(ARCHITECTURE, "The house")
    contracts = {one["id"]: one.get("layers", []) for one in PROJECT["tool"]["importlinter"]["contracts"]}
    tops = {layer for package in ("agents", "approvals") for layer in re.findall(r"\w+", contracts[package][0])}

    assert {layer for layer in tops if f"`{layer}`" not in told} == set()


def test_every_decision_and_the_error_that_carries_it_are_named_in_the_laws() -> None:
    laws = section(ARCHITECTURE, "The laws of a gate")

    assert issubclass(Unapproved, FlowError)
    for answer in ("Approved", "Rejected", "Returned", "Expired", "Withdrawn"):
        assert answer in laws


def test_no_term_is_explained_twice() -> None:
    terms = [term for term, _ in rows(GLOSSARY.read_text(encoding="utf-8"))]

    assert len(terms) > 60
    assert len(terms) == len(set(terms))


def test_what_can_be_done_to_a_request_is_in_the_glossary_or_beside_the_diagram() -> None:
    told = (GLOSSARY.read_text(encoding="utf-8") + section(ARCHITECTURE, "The life of a request")).lower()

    assert {action.value for action in Action if not re.search(rf"\b{action.value}", told)} == set()
