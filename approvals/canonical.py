"""One form for one value: canonical JSON text (RFC 8785) and its sha256. What is stored, shown, signed and hashed."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeVar

import rfc8785
from pydantic import BaseModel

from approvals.errors import NotCanonical

ModelT = TypeVar("ModelT", bound=BaseModel)


def canonical(value: Any) -> str:
    """The canonical JSON text of a JSON value, or of a pydantic value as it dumps to JSON.

    Raises:
        NotCanonical: a NaN, an integer beyond 2**53, a lone surrogate, a type that JSON does not know, or no end to it.
    """
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    if (quick := _quickly(plain)) is not None:
        return quick
    try:
        return rfc8785.dumps(plain).decode("utf-8")
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(f"The value cannot be written as canonical JSON: {error}.") from error
    except RecursionError:
        raise NotCanonical("The value cannot be written as canonical JSON: it is nested too deeply.") from None


def _quickly(plain: Any) -> str | None:
    """The same text from the standard library's encoder, many times as fast; None where the two may differ.

    They differ in numbers with a point or beyond 2**53, in halves of characters, and in names that are no text or not
    of plain characters, by which members are sorted.
    """
    try:
        if not _is_plain(plain):
            return None
        text = _ENCODER.encode(plain)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return None
    return text


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_LARGEST <= value <= _LARGEST
    if kind is dict:
        for name, inner in value.items():
            if type(name) is not str or not name.isascii():
                return False
            if type(inner) is not str and inner is not None and not _is_plain(inner):
                return False
        return True
    if kind is list or kind is tuple:
        for inner in value:  # noqa: SIM110, a generator would cost as much as what it looks at
            if type(inner) is not str and not _is_plain(inner):
                return False
        return True
    return isinstance(value, str)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_LARGEST = 2**53 - 1


def settled(document_class: type[ModelT], value: Any) -> ModelT:
    """The document in the form that no further reading changes: `validate(dump(validate(value)))`.

    Raises:
        pydantic.ValidationError: the value does not fit the class.
        NotCanonical: reading what was dumped gives something else, so no form of it could be signed.
    """
    document = document_class.model_validate(value)
    text = canonical(document)
    again = document_class.model_validate(json.loads(text))
    if canonical(again) != text:
        raise NotCanonical(
            f"{document_class.__name__} reads its own dump differently, so no form of it can be signed. "
            "Make its validators settle on one spelling."
        )
    return again


def digest(text: str) -> str:
    """The sha256 of a text's UTF-8 bytes, as hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
