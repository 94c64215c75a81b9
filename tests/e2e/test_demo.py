"""The demo is the main job: it must end with what was signed, and nothing else, in the CRM."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.server


def test_the_demo_plays_the_reviewer_and_ends_as_signed() -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}

    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "demo", "--auto"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert "All of it is as signed, and the record verifies." in done.stdout
    assert "Angebot für Kestrel Feinwerk: Line Watch und Guided onboarding edited and approved by" in done.stdout
    assert "sent back: Proposal for Marlow Clinics" in done.stdout
    assert "marlow-clinics       run ended: Rejected" in done.stdout
    assert "co:marlow-clinics.example" not in done.stdout.partition("What landed in the CRM:")[2]
