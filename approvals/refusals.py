"""The names under which refusals travel, and the refusals that come back out of them: one table, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from approvals import errors
from approvals.errors import ApprovalError, DocumentInvalid, FieldError, TooManyTries, UnsupportedClaims

URN = "urn:countersign:problem:"
"""What stands before the name."""


def slug_of(error: type[ApprovalError]) -> str:
    """The name of a class of refusals, such as `already-decided`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def _all(root: type[ApprovalError]) -> Iterator[type[ApprovalError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _all(child)


CLASSES: dict[str, type[ApprovalError]] = {slug_of(one): one for one in _all(ApprovalError)}
"""Name -> class."""


def refusal_of(
    name: str, detail: str, *, wrong: Sequence[FieldError] = (), claims: Sequence[str] = (), seconds: int = 0
) -> ApprovalError:
    """The refusal that was told elsewhere under this name; a name that is unknown here is a plain ApprovalError."""
    found = CLASSES.get(name.removeprefix(URN), ApprovalError)
    if issubclass(found, DocumentInvalid):
        return found(wrong)
    if issubclass(found, UnsupportedClaims):
        return found(claims)
    if issubclass(found, TooManyTries):
        return found(seconds)
    return found(detail)
