"""The one file that joins agents and approvals: built once in a process, from its environment."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from prefect.settings import PREFECT_UI_URL, temporary_settings

from approvals.errors import ApprovalError, StoreUnavailable
from approvals.remote import RemoteGate
from flows import composition


def test_a_process_builds_its_ports_once_even_when_many_threads_ask_first(at_home):
    built = []
    threads = [threading.Thread(target=lambda: built.append(composition.approvals())) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(built) == 8
    assert len({id(one) for one in built}) == 1
    assert composition.agents() is composition.agents()


def test_after_a_reset_the_settings_are_read_anew(at_home, tmp_path, monkeypatch):
    before = composition.approvals()
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "elsewhere"))

    composition.reset()

    assert composition.approvals() is not before
    assert composition.approvals().settings.home == tmp_path / "elsewhere"


def test_a_reset_before_anything_was_built_opens_nothing(at_home):
    composition.reset()

    assert not (at_home.home / "approvals.sqlite").exists()


def test_the_target_of_permits_is_the_crm_that_is_open(at_home):
    assert composition.crm_address() == composition.agents().crm.address


def test_where_the_queue_is_elsewhere_no_store_is_opened_and_runs_get_a_gate_over_rest(at_home, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("APPROVALS_QUEUE_URL", "https://queue.test")
        patched.setenv("APPROVALS_GATE_TOKEN", "cs_token")
        composition.reset()

        gate = composition.gatekeeper("run-1")
        with pytest.raises(StoreUnavailable, match="APPROVALS_QUEUE_URL"):
            composition.approvals()
        composition.reset()

    assert isinstance(gate, RemoteGate)
    assert not (at_home.home / "approvals.sqlite").exists()
    assert composition.gatekeeper("run-1") is composition.approvals().gatekeeper


def test_a_wrong_setting_is_told_where_it_is_used(at_home, monkeypatch):
    monkeypatch.setenv("APPROVALS_STOER", "sqlite:///x")

    with pytest.raises(ApprovalError, match="Did you mean APPROVALS_STORE"):
        composition.approvals()
    monkeypatch.delenv("APPROVALS_STOER")


def test_a_run_has_an_address_only_where_prefect_has_a_page():
    with temporary_settings({PREFECT_UI_URL: "http://127.0.0.1:4200/"}):
        shown = composition.run_url("r1")
    with temporary_settings({PREFECT_UI_URL: None}):
        hidden = composition.run_url("r1")

    assert shown == "http://127.0.0.1:4200/runs/flow-run/r1"
    assert hidden is None or hidden.endswith("/runs/flow-run/r1")


_NOTHING_OF_OURS = """
import sys
import flows
print([m for m in sys.modules if m.split(".")[0] in ("agents", "approvals", "prefect") or m.startswith("flows.")])
"""


def test_importing_the_package_imports_no_part_of_it():
    said = subprocess.run([sys.executable, "-c", _NOTHING_OF_OURS], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
