"""Which fact fills which field of the CRM, and how. Read from a TOML file; one ships."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import get_args

from pydantic import ConfigDict, Field, ValidationError, model_validator

from agents.changes import Create, CrmObject, FieldPolicy, SetField
from agents.documents import CrmUpdate, FactKey
from agents.errors import FieldsError
from agents.values import Value

OFFERED: dict[CrmObject, frozenset[str]] = {
    "company": frozenset({*(key.value for key in FactKey), "domain", "country"}),
    "contact": frozenset({"email", "contact_person"}),
    "deal": frozenset({"title", "total", "currency", "stage"}),
}
"""What can fill a field of each object: facts, and what is known of the company, the contact or the proposal."""


class Rule(Value):
    """What fills one field, and how."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(default="", alias="from", description="empty: nothing is planned for it; people may set it")
    policy: FieldPolicy


class Fields(Value):
    """The fields of each object that may change. Any other is left as it is, whoever edits the update."""

    company: dict[str, Rule] = Field(default_factory=dict)
    contact: dict[str, Rule] = Field(default_factory=dict)
    deal: dict[str, Rule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sources_are_known(self) -> Fields:
        for kind, offered in OFFERED.items():
            for field, rule in self.of(kind).items():
                if rule.source and rule.source not in offered:
                    known = ", ".join(sorted(offered))
                    raise ValueError(
                        f"{kind}.{field} is filled from {rule.source!r}, which there is not; write {known}"
                    )
        return self

    def of(self, kind: CrmObject) -> dict[str, Rule]:
        """The rules of one object, by field."""
        return {"company": self.company, "contact": self.contact, "deal": self.deal}[kind]

    def refusal(self, kind: CrmObject, field: str) -> str:
        """Why this field may not change, in a sentence; empty where it may."""
        rule = self.of(kind).get(field)
        if rule is None:
            listed = ", ".join(name for name, one in self.of(kind).items() if one.policy != "never") or "none"
            return f"The {field} of a {kind} is not among the fields that may change ({listed}); see AGENTS_CRM_FACTS."
        if rule.policy == "never":
            return f"The {field} of a {kind} is never changed through Countersign; see AGENTS_CRM_FACTS."
        return ""

    def refusals(self, update: CrmUpdate) -> Iterator[tuple[str, str]]:
        """What the ticked changes of an update set and may not, as (path, sentence)."""
        for index, change in enumerate(update.changes):
            if not change.apply:
                continue
            if isinstance(change, Create):
                for field in change.fields:
                    if sentence := self.refusal(change.object, field):
                        yield f"changes.{index}.fields.{field}", sentence
            elif isinstance(change, SetField) and (sentence := self.refusal(change.object, change.field)):
                yield f"changes.{index}.field", sentence


def read_fields(path: Path | None = None) -> Fields:
    """The rules in this TOML file, or those that ship.

    Raises:
        FieldsError: the file is missing, is not TOML, or an entry is wrong; the message names it and the fix.
    """
    try:
        content = path.read_bytes() if path else resources.files("agents").joinpath("fields.toml").read_bytes()
    except OSError as error:
        raise FieldsError(
            f"The file {str(path)!r} cannot be read ({error.strerror}). "
            "Point AGENTS_CRM_FACTS to a TOML file, or unset it to use the one that ships."
        ) from error
    name = str(path or "agents/fields.toml")
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FieldsError(f"The file {name!r} (AGENTS_CRM_FACTS) is not valid TOML: {error}.") from error
    try:
        return Fields.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        policies = f" A policy is one of {', '.join(get_args(FieldPolicy))}." if where.endswith("policy") else ""
        message = first["msg"].removeprefix("Value error, ")
        raise FieldsError(f"The file {name!r} (AGENTS_CRM_FACTS) is wrong at {where}: {message}.{policies}") from error
