"""The examiner: checks a document with its own class, verifies its claims, and says what approving it leads to."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from agents import grounding
from agents.applying import problems
from agents.bootstrap import Agents
from agents.documents import Brief, CrmUpdate, Document, Fact, Proposal, Source
from agents.planning import consequences, moved
from approvals.canonical import canonical, settled
from approvals.errors import CannotExamine, FieldError, NotCanonical
from approvals.ports import Examination
from approvals.requests import Evidence, Finding, Moved

MOST_ERRORS = 100
"""Errors that are told of one document; nobody reads more, and a hostile document has a million."""


class ClassExaminer:
    """Knows a document by the class it names, `module:Class`, from packages that are trusted to hold documents."""

    def __init__(self, agents: Callable[[], Agents], trusted: Iterable[str]) -> None:
        self._agents = agents
        self._trusted = tuple(trusted)

    def examine(self, kind: str, document: Any, evidence: Evidence, based_on: dict[str, str]) -> Examination:
        """What is to be said of this document; errors are listed by field path.

        Raises:
            CannotExamine: the class cannot be imported here, or the CRM or catalogue cannot be read.
        """
        document_class = self._class_of(kind)
        try:
            value = settled(document_class, document)
        except ValidationError as error:
            return Examination(document=document, errors=tuple(_field_errors(error)))
        except NotCanonical as error:
            return Examination(document=document, errors=(FieldError(path="", message=str(error)),))
        try:
            if errors := self._impossible(value):
                return Examination(document=document, errors=errors)
            return Examination(
                document=json.loads(canonical(value)),
                findings=self._findings(value, evidence),
                moved=self._moved(value, based_on),
                consequences=self._consequences(value),
            )
        except Exception as error:
            raise CannotExamine(f"The document could not be checked: {error}") from error

    def _class_of(self, kind: str) -> type[BaseModel]:
        module_name, _, class_name = kind.partition(":")
        if module_name.partition(".")[0] not in self._trusted:
            raise CannotExamine(
                f"The class {kind!r} is not in a package that is trusted to hold documents "
                f"({', '.join(self._trusted)}). Put it under flows/, or add its package to FLOWS_DOCUMENT_MODULES."
            )
        try:
            found = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise CannotExamine(f"The class {kind!r} cannot be imported here ({error}).") from error
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            raise CannotExamine(f"{kind!r} is not a pydantic class.")
        return found

    def _impossible(self, value: BaseModel) -> tuple[FieldError, ...]:
        """What fits the class and could yet never be done, such as a field the CRM has not."""
        if not isinstance(value, CrmUpdate):
            return ()
        found = problems(value, crm=self._agents().crm)
        return tuple(FieldError(path=f"changes.{index}", message=sentence) for index, sentence in found)

    def _findings(self, value: BaseModel, evidence: Evidence) -> tuple[Finding, ...]:
        if not isinstance(value, Proposal):
            return ()
        found = grounding.check(
            value,
            sources=tuple(Source.model_validate(source.model_dump()) for source in evidence.sources),
            facts=tuple(Fact.model_validate(fact.model_dump()) for fact in evidence.facts),
            catalogue=self._agents().catalogue,
        )
        return tuple(Finding.model_validate(finding.model_dump()) for finding in found)

    def _moved(self, value: BaseModel, based_on: dict[str, str]) -> tuple[Moved, ...]:
        if not based_on or not isinstance(value, Document):
            return ()
        agents = self._agents()
        changed = moved(based_on, crm=agents.crm, catalogue=agents.catalogue)
        return tuple(Moved(address=address, was=was, now=now) for address, (was, now) in changed.items())

    def _consequences(self, value: BaseModel) -> tuple[str, ...]:
        if isinstance(value, Brief | Proposal | CrmUpdate):
            return consequences(value, crm=self._agents().crm)
        told = getattr(value, "consequences", None)
        return tuple(str(sentence) for sentence in told()) if callable(told) else ()


def _field_errors(error: ValidationError) -> Iterable[FieldError]:
    for one in error.errors(include_url=False)[:MOST_ERRORS]:
        path = ".".join(str(part) for part in one["loc"])
        yield FieldError(path=path, message=one["msg"].removeprefix("Value error, "))
