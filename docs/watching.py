"""Takes docs/prefect-run.png, docs/prefect-artifact.png, docs/prefect-deployments.png: Prefect's pages, in a browser.

Run `.venv/bin/python docs/watching.py`. It starts everything in a temporary home, as `countersign up` does, runs the
demo's three prospects, signs one proposal, and needs Chromium, as the tests in a browser do (`make test-browser`).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from screens import FLAGS

DOCS = Path(__file__).resolve().parent
WIDE = {"width": 1360, "height": 850}
REQUESTER, REVIEWER, MANAGER = (f"{name}@brightwater.example" for name in ("rita", "sam", "mara"))


def main() -> int:
    """Take the pictures."""
    chromium = os.environ.get("COUNTERSIGN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no Chromium here. On Debian: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="countersign-watching-", ignore_cleanup_errors=True) as folder:
        os.environ |= {"PREFECT_HOME": f"{folder}/prefect", "COUNTERSIGN_HOME": f"{folder}/home"}
        _take(Path(folder) / "home", chromium)
    return 0


def _take(home: Path, chromium: str) -> None:
    # Prefect reads its home when it is imported.
    from flows import composition
    from flows.prefect_server import ask
    from flows.supervisor import Supervisor

    home.mkdir(parents=True)
    with Supervisor(home, prefect_port=0, queue_port=0, runs_at_once=2, tell=print) as addresses:
        signed, waiting = _played(home)
        composition.reset()
        seen = {"artifacts": {"type": {"not_any_": ["result"]}}}
        _until(lambda: ask(f"{addresses.api}/artifacts/count", seen) >= 4)
        wanted = {"artifacts": {"flow_run_id": {"any_": [waiting]}, "type": {"any_": ["markdown"]}}, "limit": 1}
        (artifact,) = ask(f"{addresses.api}/artifacts/filter", wanted)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_context(viewport=WIDE, color_scheme="light", reduced_motion="reduce").new_page()
            for name, path in (
                ("run", f"/runs/flow-run/{signed}"),
                ("artifact", f"/artifacts/artifact/{artifact['id']}"),
                ("deployments", "/deployments"),
            ):
                page.goto(addresses.prefect + path)
                page.wait_for_timeout(4_000)
                if name == "run":
                    page.get_by_role("tab", name="Artifacts").or_(
                        page.get_by_text("Artifacts", exact=True)
                    ).last.click()
                    page.wait_for_timeout(2_000)
                page.screenshot(path=DOCS / f"prefect-{name}.png")
                print(f"docs/prefect-{name}.png")
            browser.close()


def _played(home: Path) -> tuple[str, str]:
    """Runs of three prospects; the proposal of one is signed. The runs of that one and of another."""
    import asyncio
    from importlib import resources

    from prefect.context import refresh_global_settings_context

    from agents.documents import Prospect
    from approvals.decisions import Actor
    from approvals.lifecycle import OPEN
    from approvals.people import add_person
    from approvals.ports import Person, Wanted
    from flows import composition
    from flows.demo import PROSPECTS
    from flows.starting import start_run

    refresh_global_settings_context()
    add_person(home / "people.toml", Person(email=REQUESTER, name="Rita, RevOps", groups=("revops",)))
    add_person(home / "people.toml", Person(email=REVIEWER, name="Sam, Sales", groups=("sales", "revops")))
    add_person(home / "people.toml", Person(email=MANAGER, name="Mara, Management", groups=("managers",)))
    pages = Path(str(resources.files("flows.demo").joinpath("pages")))
    runs = []
    for name in PROSPECTS:
        prospect = Prospect(target=str(pages / name), source_url=f"https://{name}.example/")
        parameters = {"prospect": prospect.model_dump()}
        runs.append(str(asyncio.run(start_run("outreach/outreach", parameters, requester=REQUESTER)).id))
    approvals = composition.approvals()

    def at(run: str, gate: str) -> Any:
        with approvals.store.read() as transaction:
            found = transaction.page(Wanted(run=run, gate=gate, states=OPEN), limit=1).requests
        return found[0] if found else None

    # One of the demo's prospects has something flagged, so its run waits at the brief.
    stops = {run: _until(lambda run=run: at(run, "proposal") or at(run, "brief")) for run in runs}
    proposals = {run: request for run, request in stops.items() if request.identity.gate == "proposal"}
    signed, waiting, *_ = proposals
    by = Actor(kind="person", id=REVIEWER, via="session")
    unsupported = approvals.service.examine(proposals[signed]).unsupported
    approvals.service.approve(proposals[signed].id, by, version=1, vouched=unsupported)
    _until(lambda: at(signed, "crm_update"))
    time.sleep(8)  # what happened is shown in Prefect a few seconds later
    return signed, waiting


def _until(there: Callable[[], Any], seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := there()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come")
        time.sleep(0.5)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
