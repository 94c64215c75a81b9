"""Who is asked, how many must sign, and what happens when nobody does. Policies are data; their rules are pure.

What no policy mentions is asked, never passed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from approvals.canonical import canonical, digest
from approvals.decisions import SignOff, Value
from approvals.errors import PolicyError

_NOT_TERMS = frozenset({"name", "version"})
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def seconds(value: object) -> int:
    """Seconds in `90`, `"45m"`, `"8h"`, `"3d"` or `"2w"`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,9})\s*([smhdw])", value.strip())):
        return int(match[1]) * _UNITS[match[2]]
    raise ValueError("a duration is a number of seconds, or a number with s, m, h, d or w, such as 3d")


Duration = Annotated[int, BeforeValidator(seconds), Field(ge=0, le=366 * 86_400)]
Group = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
OnTimeout = Literal["expire", "reject", "escalate", "approve"]
Priority = Literal["low", "normal", "high"]


class Policy(Value):
    """The terms of one gate, frozen on each request as they read when it opened."""

    name: str
    version: str = Field(default="", description="digest of the terms; changes whenever one of them does")
    groups: tuple[Group, ...] = Field(min_length=1, description="whose members may decide")
    quorum: int = Field(default=1, ge=1, le=20, description="how many different people must sign")
    separation_of_duties: bool = Field(default=True, description="the requester may not decide")
    editors: tuple[Group, ...] | None = Field(default=None, description="who may edit; default: all who may decide")
    rounds: int = Field(default=3, ge=1, le=20, description="how often a draft may be made, the first included")
    priority: Priority = "normal"
    risk: Literal["normal", "high"] = Field(
        default="normal",
        description="high: every request counts as high risk, which nobody approves in bulk or by link",
    )
    due: Duration = Field(default=3 * 86_400, description="seconds until the deadline")
    on_timeout: OnTimeout = Field(description="what happens at the deadline; there is no default")
    allow_silent_approval: bool = Field(default=False, description="must be set for on_timeout = approve")
    escalate_to: tuple[Group, ...] = Field(default=(), description="who decides after an escalation")
    ask_when: Literal["always", "flagged"] = Field(default="always", description="flagged: only where a flag is raised")
    recall: int = Field(default=8, ge=0, le=3_600, description="seconds in which a decision can be taken back")
    claim: Duration = Field(default=900, ge=10, description="seconds a claim holds")
    linger: Duration = Field(
        default=60, le=3_600, description="seconds a run's process may stay after its gate opened; 0: it never does"
    )

    @model_validator(mode="after")
    def _terms_agree(self) -> Policy:
        if self.on_timeout == "approve" and not self.allow_silent_approval:
            raise ValueError("on_timeout = 'approve' approves in silence; it also needs allow_silent_approval = true")
        if self.allow_silent_approval and self.on_timeout != "approve":
            raise ValueError("allow_silent_approval = true has no meaning unless on_timeout = 'approve'")
        if self.on_timeout == "escalate" and not self.escalate_to:
            raise ValueError("on_timeout = 'escalate' needs escalate_to, the groups that decide then")
        if self.escalate_to and self.on_timeout != "escalate":
            raise ValueError("escalate_to has no meaning unless on_timeout = 'escalate'")
        if self.escalate_to and set(self.escalate_to) <= set(self.groups):
            raise ValueError("escalate_to names nobody who was not asked before")
        return self


class Policies(Value):
    """Every policy of one file, by name."""

    source: str
    policies: Mapping[str, Policy]

    def named(self, name: str) -> Policy:
        """The policy of this name.

        Raises:
            PolicyError: there is none; the message names those there are.
        """
        try:
            return self.policies[name]
        except KeyError:
            near = difflib.get_close_matches(name, self.policies, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(self.policies)) or "none"
            raise PolicyError(f"There is no policy {name!r} in {self.source} (it has: {known}).{hint}") from None


def read_policies(path: Path | None = None) -> Policies:
    """The policies in this TOML file, or those that ship.

    Raises:
        PolicyError: the file is missing, is not TOML, or a policy contradicts itself; the message names the place.
    """
    source = str(path or "approvals/policies.toml")
    try:
        content = path.read_bytes() if path else resources.files("approvals").joinpath("policies.toml").read_bytes()
    except OSError as error:
        raise PolicyError(
            f"The policy file {source!r} cannot be read ({error.strerror}). "
            "Set APPROVALS_POLICIES to a TOML file, or unset it to use the policies that ship."
        ) from error
    try:
        tables = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"The policy file {source!r} is not valid TOML: {error}.") from error
    return Policies(source=source, policies=_policies(tables, source))


def _policies(tables: dict[str, Any], source: str) -> dict[str, Policy]:
    stray = [key for key in tables if key != "policies"]
    if stray or not isinstance(tables.get("policies"), dict):
        named = f"has {stray[0]!r} at its top" if stray else "has no policy"
        raise PolicyError(f"The policy file {source!r} {named}; every policy stands under [policies.NAME].")
    return {name: _policy(name, terms, source) for name, terms in tables["policies"].items()}


def _policy(name: str, terms: Any, source: str) -> Policy:
    if not isinstance(terms, dict):
        raise PolicyError(f"In {source}, policies.{name} is not a table; write [policies.{name}].")
    for given in _NOT_TERMS & terms.keys():
        raise PolicyError(f"In {source}, policies.{name}.{given} is not for you to set; remove it.")
    try:
        policy = Policy.model_validate({**terms, "name": name})
    except ValidationError as error:
        raise PolicyError(_sentence(error, name, source)) from error
    return policy.model_copy(update={"version": digest(canonical(policy))[:12]})


def _sentence(error: ValidationError, name: str, source: str) -> str:
    # A misspelt term is also a missing one; what was written is what to name.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    where = ".".join(["policies", name, *(str(part) for part in first["loc"])])
    field = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        known = sorted(Policy.model_fields.keys() - _NOT_TERMS)
        near = difflib.get_close_matches(field, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known are: {', '.join(known)}."
        return f"In {source}, {where} is not a term of a policy.{hint}"
    if first["type"] == "missing":
        return f"In {source}, {where} is required: {Policy.model_fields[field].description}."
    return f"In {source}, {where} is wrong: {first['msg'].removeprefix('Value error, ')}."


# -- the rules ---------------------------------------------------------------------------------------------------


def groups_asked(policy: Policy, escalated: bool) -> tuple[str, ...]:
    """Whose members decide: those the policy names, and after an escalation those it names for that."""
    return policy.escalate_to if escalated else policy.groups


def may_edit(policy: Policy, groups: Iterable[str], escalated: bool = False) -> bool:
    """Whether a member of these groups may hand in an edited document."""
    allowed = groups_asked(policy, escalated) if policy.editors is None else policy.editors
    return not set(allowed).isdisjoint(groups)


def read_only(policy: Policy) -> bool:
    """Whether nobody may edit."""
    return policy.editors == ()


def suffices(policy: Policy, signoffs: Iterable[SignOff], sha256: str) -> bool:
    """Whether enough different people signed exactly this document."""
    people = {signoff.person.casefold() for signoff in signoffs if not signoff.voided and signoff.sha256 == sha256}
    return len(people) >= policy.quorum


def passes_unasked(policy: Policy, flags: Iterable[object]) -> str | None:
    """The rule that lets a draft through without asking, in words; None where a person must be asked."""
    if policy.ask_when == "flagged" and not tuple(flags):
        return "ask_when = flagged, and nothing was flagged"
    return None
