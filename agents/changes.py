"""One change of a CRM each, as it is planned, signed and done."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from agents.values import HIDDEN, LINES, READONLY, Value, ui

CrmObject = Literal["company", "contact", "deal"]


class _Change(Value):
    why: str = Field(default="", description="the reason, in a sentence", json_schema_extra=READONLY)
    fact_ids: tuple[str, ...] = Field(default=(), json_schema_extra=HIDDEN)
    apply: bool = Field(
        default=True,
        description="unticked by the reviewer: signed as not to be done",
        json_schema_extra=ui(label="Do this"),
    )


FieldPolicy = Literal["fill_empty", "overwrite", "append", "never"]
"""How a field may change: only where it is empty, in any case, by adding to it, or not at all."""


class _FieldChange(_Change):
    # Updates that were signed before there were policies have none, and must read and dump as they did.
    policy: FieldPolicy | None = Field(
        default=None,
        description="how this field may change, as the file of AGENTS_CRM_FACTS says",
        exclude_if=lambda policy: policy is None,
        json_schema_extra=READONLY,
    )


class Create(_FieldChange):
    """A record that does not exist yet."""

    model_config = ConfigDict(json_schema_extra=ui(order=["apply", "object", "key", "fields", "policy", "why"]))

    kind: Literal["create"] = Field(default="create", json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    key: str = Field(
        min_length=1,
        description="the record's own external key, such as `co:halden.example`",
        json_schema_extra=READONLY,
    )
    fields: dict[str, str]


class SetField(_FieldChange):
    """One field of a record that exists; `before` is what it held when the update was planned."""

    model_config = ConfigDict(
        json_schema_extra=ui(order=["apply", "object", "key", "field", "base", "before", "after", "policy", "why"])
    )

    kind: Literal["set_field"] = Field(default="set_field", json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    key: str = Field(min_length=1, json_schema_extra=READONLY)
    field: str = Field(min_length=1, json_schema_extra=READONLY)
    before: str | None = Field(json_schema_extra=READONLY)
    after: str
    base: str | None = Field(
        default=None,
        description="what it held when it was first planned, where somebody has changed it since",
        exclude_if=lambda base: base is None,
        json_schema_extra=ui(readonly=True, label="When first planned"),
    )


class AddNote(_Change):
    """A note on a record, with a key of its own so that it is written once."""

    model_config = ConfigDict(json_schema_extra=ui(order=["apply", "object", "about", "body", "why"]))

    kind: Literal["add_note"] = Field(default="add_note", json_schema_extra=HIDDEN)
    key: str = Field(min_length=1, description="the note's own external key", json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    about: str = Field(min_length=1, description="external key of the record it belongs to", json_schema_extra=READONLY)
    body: str = Field(min_length=1, json_schema_extra=LINES)


class Associate(_Change):
    """A link between two records."""

    model_config = ConfigDict(json_schema_extra=ui(order=["apply", "object", "key", "to_object", "to_key", "why"]))

    kind: Literal["associate"] = Field(default="associate", json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    key: str = Field(min_length=1, json_schema_extra=READONLY)
    to_object: CrmObject = Field(json_schema_extra=READONLY)
    to_key: str = Field(min_length=1, json_schema_extra=READONLY)


class Remove(_Change):
    """A record that goes to the archive, where it holds these fields still and bears no note and no link."""

    model_config = ConfigDict(json_schema_extra=ui(order=["apply", "object", "key", "fields", "why"]))

    kind: Literal["remove"] = Field(default="remove", json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    key: str = Field(min_length=1, json_schema_extra=READONLY)
    fields: dict[str, str] = Field(
        description="all that the record held when this was planned", json_schema_extra=READONLY
    )


class RemoveNote(_Change):
    """A note that is taken away, where it has these words still."""

    model_config = ConfigDict(json_schema_extra=ui(order=["apply", "object", "about", "body", "why"]))

    kind: Literal["remove_note"] = Field(default="remove_note", json_schema_extra=HIDDEN)
    key: str = Field(min_length=1, json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    about: str = Field(min_length=1, json_schema_extra=READONLY)
    body: str = Field(min_length=1, json_schema_extra=ui(widget="lines", readonly=True))


class Dissociate(_Change):
    """A link between two records that is taken away."""

    model_config = ConfigDict(json_schema_extra=ui(order=["apply", "object", "key", "to_object", "to_key", "why"]))

    kind: Literal["dissociate"] = Field(default="dissociate", json_schema_extra=HIDDEN)
    object: CrmObject = Field(json_schema_extra=READONLY)
    key: str = Field(min_length=1, json_schema_extra=READONLY)
    to_object: CrmObject = Field(json_schema_extra=READONLY)
    to_key: str = Field(min_length=1, json_schema_extra=READONLY)


Change = Annotated[
    Create | SetField | AddNote | Associate | Remove | RemoveNote | Dissociate, Field(discriminator="kind")
]
