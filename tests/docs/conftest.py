"""Lets tests import `pages` by name, and lends them the Prefect server of the flows' tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
sys.path.append(str(HERE))


def _of_the_flows_tests() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fixtures_of_flows", HERE.parent / "flows" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# One server for all tests, whichever folder they stand in.
prefect_server = _of_the_flows_tests().prefect_server
