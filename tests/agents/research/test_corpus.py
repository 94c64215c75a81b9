"""The bar: what is on the pages is found, every quote stands where it says, and nothing forbidden is asserted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
RULES = json.loads((ROOT / "tests" / "agents" / "corpus" / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def evidence() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_evidence", ROOT / "bench" / "evidence.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_evidence"] = module
    spec.loader.exec_module(module)
    return module


def test_every_page_of_the_corpus_is_listed() -> None:
    pages = {path.name for path in (ROOT / "tests" / "agents" / "corpus").iterdir()} - {"expected.json"}

    assert pages == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_page_yields_grounded_quotes_and_nothing_forbidden(evidence: ModuleType, name: str) -> None:
    tally = evidence.Tally()

    evidence.examine(name, RULES[name], tally)

    assert tally.ungrounded == []
    assert tally.violations == []
    assert tally.missing_flags == []


def test_nine_of_ten_expected_facts_are_found(evidence: ModuleType) -> None:
    tally = evidence.measure()

    assert tally.expected > 200
    assert tally.recall >= 0.95, tally.missed
