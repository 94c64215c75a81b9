"""The bar for planted lies: caught claim by claim, and honest sentences let be, in four languages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agents.catalogue import Catalogue

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def lies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_lies", ROOT / "bench" / "lies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_lies"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "least"), [("first", 0.95), ("later", 0.95), ("last", 0.9)])
def test_lies_are_caught_and_honest_sentences_are_not(
    name: str, least: float, lies: ModuleType, catalogue: Catalogue
) -> None:
    planted, honest = lies.measured(name, catalogue)

    missed = [one.text for one in planted if not one.caught]
    alarms = [(one.text, one.why) for one in honest if one.caught]
    assert len(missed) <= (1 - least) * len(planted), missed
    assert len(alarms) <= 0.05 * len(honest), alarms


def test_no_price_line_but_the_catalogues_passes(lies: ModuleType, catalogue: Catalogue) -> None:
    assert [one.text for one in lies.priced(catalogue) if not one.caught] == []


def test_more_than_two_hundred_lies_of_every_kind_are_planted_in_every_language(
    lies: ModuleType, catalogue: Catalogue
) -> None:
    planted = [one for name in lies.SETS for one in lies.measured(name, catalogue)[0]]

    assert len(planted) > 200
    for language in ("en", "de", "fr", "es"):
        kinds = {one.kind for one in planted if one.language == language}
        assert kinds >= {"figure", "year", "customer", "price", "promise", "name", "uncited"}
