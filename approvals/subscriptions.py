"""Who is told of what, and where: the notifications file.

Addresses may hold secrets. They are read with `${NAME}` standing for an environment variable, and no message, log or
answer repeats one.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from approvals.canonical import digest
from approvals.decisions import Value
from approvals.errors import NotificationsError
from approvals.notices import EVENTS
from approvals.policies import groups_asked
from approvals.requests import Request

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAIL = ("mailto:", "mailtos:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _known(events: tuple[str, ...]) -> tuple[str, ...]:
    for event in events:
        if event not in EVENTS:
            near = difflib.get_close_matches(event, EVENTS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(EVENTS)}"
            raise ValueError(f"{event!r} is no event; {hint}")
    return events


class MailTerms(Value):
    """`[mail]`: a mail to each person who is asked or mentioned, with a link of their own."""

    via: SecretStr = Field(description="mailto:// address of the server that sends; `${NAME}` stands for a variable")
    events: tuple[str, ...] = Field(
        default=("request.opened", "request.revised", "request.escalated", "request.signed"),
        description="what is told to those who may decide; a mention is always told",
    )

    _events = field_validator("events")(_known)

    @field_validator("via")
    @classmethod
    def _is_mail(cls, via: SecretStr) -> SecretStr:
        if not via.get_secret_value().casefold().startswith(_MAIL):
            raise ValueError("mails go through an address that begins with mailto:// or mailtos://")
        return via


class NotifyTerms(Value):
    """`[[notify]]`: one place that is told."""

    to: SecretStr = Field(description="where: slack://…, webhook+https://…, file:///…; `${NAME}` stands for a variable")
    name: str = Field(
        default="", max_length=60, pattern=r"^[\w .-]*$", description="what the place is called; made if not said"
    )
    events: tuple[str, ...] | None = Field(
        default=None,
        description="which events; default: all for a webhook, elsewhere request.opened and request.escalated",
    )
    groups: tuple[str, ...] | None = Field(default=None, description="only what is asked of one of these groups")
    gates: tuple[str, ...] | None = Field(default=None, description="only of these gates")
    person: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="whose own place it is: told what they may decide or are mentioned in, with a link of their own",
    )
    secret: SecretStr | None = Field(default=None, description="by which a webhook is signed, in base64")

    @field_validator("to")
    @classmethod
    def _says_what_it_is(cls, to: SecretStr) -> SecretStr:
        # What a place is must be known where a variable is not set.
        if not _SCHEME.match(to.get_secret_value()):
            raise ValueError("it begins with a scheme, such as slack://; a variable may stand for what follows")
        return to

    @field_validator("events")
    @classmethod
    def _are_known(cls, events: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if events is None else _known(events)

    @model_validator(mode="after")
    def _fits(self) -> NotifyTerms:
        if self.is_webhook and self.person is not None:
            raise ValueError("a webhook is for programs; leave `person` out")
        if self.is_webhook and self.secret is None:
            raise ValueError("a webhook needs a `secret`, such as ${WEBHOOK_SECRET}")
        return self

    @property
    def is_webhook(self) -> bool:
        """Whether programs are told, which want facts and not questions."""
        return self.to.get_secret_value().casefold().startswith("webhook+")

    @property
    def label(self) -> str:
        """The name of the place; tells its kind and nothing else of its address."""
        address = self.to.get_secret_value()
        return self.name or f"{address.partition(':')[0][:20]}-{digest(address)[:6]}"

    @property
    def told(self) -> tuple[str, ...]:
        """The events that this place is told of."""
        if self.events is not None:
            return self.events
        return EVENTS if self.is_webhook else ("request.opened", "request.escalated")

    def wants(self, event: str, request: Request) -> bool:
        """Whether this place is told of this event of this request."""
        asked = groups_asked(request.policy, request.escalated)
        return (
            event in self.told
            and (self.gates is None or request.identity.gate in self.gates)
            and (self.groups is None or not set(asked).isdisjoint(self.groups))
        )


class Subscriptions(Value):
    """The whole file."""

    mail: MailTerms | None = None
    notify: tuple[NotifyTerms, ...] = ()

    @model_validator(mode="after")
    def _named_once(self) -> Subscriptions:
        labels = [one.label for one in self.notify]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two places are called {label!r}; give each a `name` of its own")
        return self

    def named(self, label: str) -> NotifyTerms | None:
        """The place of this name."""
        return next((one for one in self.notify if one.label == label), None)


def filled(text: SecretStr, environment: Mapping[str, str]) -> SecretStr:
    """The text with every `${NAME}` replaced.

    Raises:
        NotificationsError: a variable is not set; the message names it, and nothing else of the text.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not _NAME.fullmatch(name):
            raise NotificationsError(
                "`${…}` in the notifications stands for a variable: letters, digits and underscores."
            )
        if name not in environment:
            raise NotificationsError(
                f"The notifications name the variable {name}, which is not set. Set it, or write another."
            )
        return environment[name]

    return SecretStr(_VARIABLE.sub(value, text.get_secret_value()))


def read_subscriptions(path: Path) -> Subscriptions:
    """The subscriptions of this file; none where there is no file.

    Raises:
        NotificationsError: the file is wrong; the message names file, entry and field, and what to do, and no address.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Subscriptions()
    except (OSError, UnicodeDecodeError) as error:
        raise NotificationsError(f"The notifications {str(path)!r} cannot be read: {type(error).__name__}.") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its message tells the line, and never what stands there.
        raise NotificationsError(f"The notifications {str(path)!r} are not valid TOML: {error}.") from None
    try:
        return Subscriptions.model_validate(tables)
    except ValidationError as error:
        # A misspelt field is also a missing one: the misspelling is what there is to mend.
        first = min(error.errors(include_input=False), key=lambda one: one["type"] != "extra_forbidden")
    raise NotificationsError(f"In {str(path)!r}, {_told(first['loc'], first['type'], first['msg'])}") from None


def _told(place: tuple[int | str, ...], kind: str, message: str) -> str:
    table = "[mail]" if place[:1] == ("mail",) else "[[notify]]"
    known = MailTerms.model_fields if table == "[mail]" else NotifyTerms.model_fields
    entry = f"entry {place[1] + 1} of [[notify]]" if len(place) > 1 and isinstance(place[1], int) else table
    field = str(place[-1]) if place and isinstance(place[-1], str) else str(place[-2]) if len(place) > 2 else ""
    if kind == "extra_forbidden" and len(place) == 1:
        return f"{field!r} stands at the top; known there are [mail] and [[notify]]."
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(field, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
        return f"{entry}: {field!r} is not known. {hint}"
    if kind == "missing":
        return f"{entry}: {field!r} is missing."
    reason = message.removeprefix("Value error, ").rstrip(".")
    return f"{entry}: {field!r}: {reason}." if field in known else f"{entry if place else 'the file'}: {reason}."
