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
    try:
        return rfc8785.dumps(plain).decode("utf-8")
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(f"The value cannot be written as canonical JSON: {error}.") from error
    except RecursionError:
        raise NotCanonical("The value cannot be written as canonical JSON: it is nested too deeply.") from None


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
