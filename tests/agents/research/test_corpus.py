"""The bar: what is on the pages is found, every quote stands where it says, and nothing forbidden is asserted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
TUNED = ROOT / "tests" / "agents" / "corpus"
CORPORA = (TUNED, TUNED / "unseen", TUNED / "later")
RULES = {corpus: json.loads((corpus / "expected.json").read_text("utf-8")) for corpus in CORPORA}
PAGES = [(corpus, name) for corpus, rules in RULES.items() for name in sorted(rules)]


@pytest.fixture(scope="module")
def evidence() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_evidence", ROOT / "bench" / "evidence.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_evidence"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda path: path.name)
def test_every_page_of_a_corpus_is_listed(corpus: Path) -> None:
    pages = {path.name for path in corpus.iterdir() if path.is_file()} - {"expected.json"}

    assert pages == set(RULES[corpus])


@pytest.mark.parametrize(("corpus", "name"), PAGES, ids=[f"{corpus.name}/{name}" for corpus, name in PAGES])
def test_a_page_yields_grounded_quotes_and_nothing_forbidden(evidence: ModuleType, corpus: Path, name: str) -> None:
    tally = evidence.Tally()

    evidence.examine(corpus, name, RULES[corpus][name], tally)

    assert tally.ungrounded == []
    assert tally.violations == []
    assert tally.missing_flags == []


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda path: path.name)
def test_nine_of_ten_expected_facts_are_found(evidence: ModuleType, corpus: Path) -> None:
    tally = evidence.measure(corpus)

    assert tally.expected > 100
    assert tally.recall >= 0.9, tally.missed
