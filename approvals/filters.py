"""What somebody looks at: a view and what narrows it, as an address carries it. Counts are asked for the same way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, ValidationError

from approvals.decisions import Value
from approvals.errors import FieldError, FiltersInvalid
from approvals.lifecycle import OPEN, State
from approvals.ports import Person, Sort, Wanted
from approvals.requests import Risk

GROUP = "group:"
VIEWS = ("mine", "all", "high", "others", "snoozed", "decided")
"""Waiting for the reader; all that waits; of that what is high risk; what waits for others and the reader knows of;
what the reader does not want to see now; what was answered."""

_KEYS = {"q": "text"}
_NAMES = {field: key for key, field in _KEYS.items()}


class Filters(Value):
    """A view, and what narrows it."""

    view: str = Field(default="mine", max_length=80, pattern=rf"^({'|'.join(VIEWS)}|{GROUP}[a-z0-9][a-z0-9_-]*)$")
    gate: str | None = Field(default=None, max_length=200)
    text: str | None = Field(default=None, max_length=200, description="words; each begins one of the request's")
    risk: Risk | None = None
    requester: str | None = Field(default=None, max_length=320)
    claimed_by: str | None = Field(default=None, max_length=320)
    run: str | None = Field(default=None, max_length=200)
    sort: Sort | None = Field(default=None, description="soonest due first, or last decided first, if not said")

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Filters:
        """The filters of an address; what it leaves empty, and what is none of them, does not narrow.

        Raises:
            FiltersInvalid: a value is none that the filter has; the message names both.
        """
        given: dict[str, Any] = {}
        for key, value in pairs:
            field = _KEYS.get(key, key)
            if field in cls.model_fields and key not in _NAMES and value.strip():
                given[field] = value.strip()
        try:
            return cls(**given)
        except ValidationError as error:
            told = [
                FieldError(_NAMES.get(str(one["loc"][0]), str(one["loc"][0])), _said(one)) for one in error.errors()
            ]
            raise FiltersInvalid(told) from None

    @classmethod
    def read(cls, query: str) -> Filters:
        """The filters of a url-encoded query.

        Raises:
            FiltersInvalid: as above.
        """
        return cls.of(parse_qsl(query))

    def query(self, **changes: Any) -> str:
        """The filters as an address carries them, with these changes; what does not narrow is left out."""
        filters = Filters.model_validate({**self.model_dump(), **changes})
        narrowing = filters.model_dump(exclude_defaults=True)
        return urlencode({_NAMES.get(field, field): value for field, value in narrowing.items()})

    @property
    def order(self) -> Sort:
        """How the list is sorted."""
        return self.sort or ("decided" if self.view == "decided" else "due")

    def wanted(self, person: Person | None, *, everything: bool, now: datetime) -> Wanted:
        """What these mean for this reader; `everything`: who sees what is asked of groups that they are not in."""
        own = frozenset(person.groups) if person else frozenset[str]()
        email = person.email if person else ""
        terms: dict[str, Any] = {"states": OPEN, "groups": None if everything else own, "risk": self.risk, "now": now}
        match self.view:
            case "mine":
                decides = person is not None and person.role != "viewer"
                terms |= {"groups": own if decides else frozenset(), "turn_of": email}
            case "high":
                terms |= {"risk": "high" if self.risk in (None, "high") else self.risk}
                terms |= {"states": OPEN if self.risk in (None, "high") else frozenset()}
            case "others":
                terms |= {"awaited_by": email, "groups": None}
            case "snoozed":
                terms |= {"snoozed_by": email}
            case "decided":
                terms |= {"states": frozenset(State) - OPEN}
            case "all":
                pass
            case group:
                named = frozenset({group.removeprefix(GROUP)})
                terms |= {"groups": named if everything else named & own}
        narrowed = {"gate": self.gate, "requester": self.requester, "claimed_by": self.claimed_by, "run": self.run}
        return Wanted(**terms, **narrowed, words=self.text)


def _said(error: Any) -> str:
    field = str(error["loc"][0])
    known = {"sort": get_args(Sort), "risk": get_args(Risk), "view": (*VIEWS, f"{GROUP}NAME")}.get(field)
    return f"it is one of {', '.join(known)}" if known else str(error["msg"])
