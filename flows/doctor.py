"""What would keep Countersign from working here, looked for before it does."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import NamedTuple, get_args

from agents.changes import CrmObject
from agents.errors import AgentError
from approvals.errors import ApprovalError

PACKAGES = ("agents", "approvals", "flows")
DISTRIBUTION = "countersign"


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    ok: bool
    said: str


def examine() -> list[Check]:
    """Every check, each on its own: one that fails does not hide the next."""
    return [_asked(name, check) for name, check in _checks()]


def strangers(owners: dict[str, list[str]]) -> dict[str, list[str]]:
    """Which other distributions own one of our import names; pip merges their files into ours without a word."""
    return {
        package: others
        for package in PACKAGES
        if (others := sorted({owner for owner in owners.get(package, []) if owner != DISTRIBUTION}))
    }


def _checks() -> Iterator[tuple[str, Callable[[], str]]]:
    yield "Python", _python
    yield "import names", _names
    yield "Prefect and FastAPI", _versions
    yield "worker type", _worker
    yield "SQLite", _sqlite
    yield "settings and home", _home
    yield "catalogue", _catalogue
    yield "CRM", _crm
    yield "fields of the CRM", _fields
    yield "suppression list", _suppressed
    yield "model", _model
    if _is_elsewhere():
        yield "queue elsewhere", _queue_elsewhere
        return
    yield "people", _people
    yield "policies", _policies
    yield "store and record", _store
    yield "Prefect server", _server


def _is_elsewhere() -> bool:
    """Whether this is a machine of workers alone, whose runs reach a queue over REST."""
    from approvals.settings import read_settings

    try:
        settings = read_settings()
    except ApprovalError:
        return False  # another check says so
    return bool(settings.queue_url) or settings.gate_token is not None


def _asked(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except (AgentError, ApprovalError, _Trouble) as error:
        return Check(name, False, str(error))
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


class _Trouble(Exception):
    """Something is in the way."""


def _python() -> str:
    return sys.version.split()[0]


def _names() -> str:
    found = strangers({name: list(owners) for name, owners in metadata.packages_distributions().items()})
    if found:
        package, others = next(iter(found.items()))
        raise _Trouble(
            f"{', '.join(others)} also installs the package {package!r} into this environment. "
            "Give Countersign an environment of its own."
        )
    return f"{', '.join(PACKAGES)} are ours alone"


def _versions() -> str:
    prefect, fastapi = metadata.version("prefect"), metadata.version("fastapi")
    if tuple(int(part) for part in fastapi.split(".")[:2]) >= (0, 151):
        raise _Trouble(f"FastAPI {fastapi} breaks Prefect's server; install fastapi<0.151.")
    return f"prefect {prefect}, fastapi {fastapi}"


def _worker() -> str:
    """Prefect finds our worker by an entry point, which an install from before the worker does not have."""
    points = metadata.entry_points(group="prefect.collections")
    if not any(point.value == "flows.worker" for point in points):
        raise _Trouble(
            "Prefect does not find the worker type 'countersign': this installation is older than it. "
            "Install again with `make install`, after `touch pyproject.toml` if it says that nothing is to do."
        )
    return "Prefect finds 'countersign'"


def _sqlite() -> str:
    if sqlite3.sqlite_version_info < (3, 35):
        raise _Trouble(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed.")
    return sqlite3.sqlite_version


def _home() -> str:
    from approvals.settings import read_settings

    home = read_settings().home
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise _Trouble(f"{str(existing)!r} cannot be written; point COUNTERSIGN_HOME to a folder of yours.")
    return str(home)


def _people() -> str:
    from approvals.people import read_people
    from approvals.settings import read_settings

    path = read_settings().people
    if not path.exists():
        return f"{path} is not there yet; `countersign up` makes one"
    return f"{len(read_people(path))} in {path}"


def _policies() -> str:
    from approvals.policies import read_policies
    from approvals.settings import read_settings

    found = read_policies(read_settings().policies)
    return f"{', '.join(found.policies)} from {found.source}"


def _catalogue() -> str:
    from flows import composition

    catalogue = composition.agents().catalogue
    return f"{len(catalogue.offers)} offers in {catalogue.currency}, version {catalogue.version}"


def _crm() -> str:
    from flows import composition

    crm = composition.agents().crm
    crm.read("company", "co:doctor.invalid")  # one question, whatever the CRM holds
    told = f"{crm.address} answers; {', '.join(crm.describe())}"
    if not crm.capabilities.compares:
        told += "; it is read before it is written, so what somebody changes between the two is overwritten"
    return told


def _fields() -> str:
    from flows import composition

    fields = composition.agents().fields
    many = sum(len(fields.of(kind)) for kind in get_args(CrmObject))
    return f"{many} fields may change"


def _suppressed() -> str:
    from flows import composition

    return f"{len(composition.agents().suppressed.entries())} entries"


def _model() -> str:
    from flows import composition

    return asyncio.run(composition.agents().model.ready())


def _store() -> str:
    from flows import composition

    found = composition.approvals().ledger.verify()
    if found.problem:
        raise _Trouble(found.problem)
    return f"{found.entries} entries verify"


def _queue_elsewhere() -> str:
    from approvals.bootstrap import queue_elsewhere
    from approvals.settings import read_settings

    settings = read_settings()
    queue = queue_elsewhere(settings)
    if queue is None:
        raise _Trouble("No queue is named.")
    try:
        pool = queue.greet()
    finally:
        queue.close()
    return f"{', '.join(settings.queue_url)} takes the token, which speaks for the runs of the work pool {pool!r}"


def _server() -> str:
    from approvals.settings import read_settings
    from flows.premises import running

    addresses = running(read_settings().home)
    return (
        f"Prefect at {addresses.prefect}, the queue at {addresses.queue}"
        if addresses
        else "not running (`countersign up`)"
    )
