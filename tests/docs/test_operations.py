"""The operator's page lists what can be set, refused, called and written: all of it, and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pages import OPERATIONS, rows, section
from pydantic_core import PydanticUndefined

import agents.settings
import approvals.settings
import flows.batches
import flows.settings
from agents.errors import AgentError
from approvals.bootstrap import build
from approvals.decisions import Scope
from approvals.errors import ApprovalError
from approvals.policies import Policy
from approvals.ports import Person, Role
from approvals.tokens import SCOPES
from approvals.web import create_app
from approvals.web.problems import kind_of
from flows.errors import FlowError
from flows.prefect_server import Addresses, settings_for


def _told(default: Any) -> str:
    match default:
        case bool():
            return f"`{str(default).lower()}`"
        case None | "" | ():
            return "none"
        case tuple():
            return f"`{json.dumps(list(default))}`"
        case _:
            return f"`{default}`"


def _default(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "in the home" if field.default_factory else "required"
    return _told(field.default)


# -- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "settings", "prefix", "elsewhere"),
    [
        ("Agents", agents.settings.Settings, "AGENTS_", {"home"}),
        ("Approvals", approvals.settings.Settings, "APPROVALS_", set()),
        ("Flows", flows.settings.Settings, "FLOWS_", set()),
    ],
)
def test_every_setting_is_listed_with_its_default_and_description(
    heading: str, settings: Any, prefix: str, elsewhere: set[str]
) -> None:
    expected = [
        ("`COUNTERSIGN_HOME`" if name == "home" else f"`{prefix}{name.upper()}`", _default(field), field.description)
        for name, field in settings.model_fields.items()
        if name not in elsewhere
    ]

    assert rows(section(OPERATIONS, heading)) == expected


def test_every_prefect_setting_of_up_is_listed_with_its_value() -> None:
    addresses = Addresses(prefect="http://prefect", queue="http://queue", home="home", pid=1)
    told = {
        "home/prefect": "`prefect/` in the home",
        "home/results": "`results/` in the home",
        "http://prefect/api": "the server's API",
        "http://prefect": "the server",
    }
    expected = {
        f"`{name}`": told.get(value, f"`{value}`")
        for name, value in settings_for(Path("home"), addresses).items()
        if name != "COUNTERSIGN_HOME"
    }

    listed = rows(section(OPERATIONS, "Prefect settings that `up` sets"))

    assert {name: value for name, value, _ in listed} == expected
    assert all(why for _, _, why in listed)


# -- policies and people -----------------------------------------------------------------------------------------


def test_every_term_of_a_policy_is_listed_with_its_default_and_description() -> None:
    listed = {name.strip("`"): (default, told) for name, default, told in rows(section(OPERATIONS, "Policies"))}
    terms = {name: field for name, field in Policy.model_fields.items() if name not in ("name", "version")}

    assert listed.keys() == terms.keys()
    for name, field in terms.items():
        default, told = listed[name]
        assert told == field.description or (field.description is None and told)
        written = default.strip("`")
        if default not in ("required", "none", "`true`", "`false`"):
            given = {
                "groups": ["g"],
                "on_timeout": "expire",
                "name": "n",
                name: int(written) if written.isdigit() else written,
            }
            assert getattr(Policy.model_validate(given), name) == field.default
        else:
            assert default == _default(field)


def test_the_people_file_that_is_shown_uses_every_field_and_can_be_used() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", section(OPERATIONS, "People"), re.DOTALL)

    (person,) = tomllib.loads(shown)["people"]

    assert set(person) == set(Person.model_fields)
    assert Person.model_validate(person).active
    assert {role for role in get_args(Role) if role not in shown} == set()


def test_every_scope_says_who_may_have_it() -> None:
    listed = {scope.strip("`"): who for scope, who, _ in rows(section(OPERATIONS, "Tokens"))}

    assert listed.keys() == set(get_args(Scope))
    for scope, who in listed.items():
        assert {kind for kind, scopes in SCOPES.items() if scope in scopes} == set(
            re.findall(r"person|agent|worker", who)
        )


# -- REST --------------------------------------------------------------------------------------------------------


def test_every_call_is_listed_and_no_other(tmp_path: Path) -> None:
    queue = build(approvals.settings.Settings(home=tmp_path / "home"))
    described = create_app(queue).openapi()["paths"]
    queue.close()

    listed = [call for call, _ in rows(section(OPERATIONS, "REST"))]

    assert sorted(listed) == sorted(
        f"`{method.upper()} {path}`" for path, calls in described.items() for method in calls
    )


# -- errors ------------------------------------------------------------------------------------------------------


def _tree(root: type[Exception]) -> set[type[Exception]]:
    found = {root}
    for child in root.__subclasses__():
        if child.__module__.split(".")[0] in ("agents", "approvals", "flows") and not child.__name__.startswith("_"):
            found |= _tree(child)
    return found


@pytest.mark.parametrize(
    ("heading", "root"),
    [("Of the queue", ApprovalError), ("Of the agents", AgentError), ("Of the flows", FlowError)],
)
def test_every_error_is_listed_and_no_other(heading: str, root: type[Exception]) -> None:
    listed = [row[0].strip("`") for row in rows(section(OPERATIONS, heading))]

    assert sorted(listed) == sorted(error.__name__ for error in _tree(root))


def test_every_refusal_is_listed_with_its_status() -> None:
    statuses = {row[0].strip("`"): row[1] for row in rows(section(OPERATIONS, "Of the queue"))}

    assert statuses == {
        error.__name__: str(kind_of(error)[1].status)
        for error in _tree(ApprovalError)
        if issubclass(error, ApprovalError)
    }
