"""The examiner: checks a document with its own class, verifies its claims, and says what approving it leads to."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from agents.applying import problems
from agents.bootstrap import Agents
from agents.consequences import consequences
from agents.documents import Brief, CrmUpdate, Fact, Proposal, Source
from agents.effects import effects
from agents.errors import Suppressed
from agents.glance import Glance
from agents.grounding import Library, LookedUp, check, looked_up, looked_up_brief, looked_up_update
from agents.planning import moved
from agents.ports import Crm
from agents.suppressing import adds, check_company
from agents.values import Document
from approvals.canonical import settled
from approvals.errors import CannotExamine, FieldError, NotCanonical
from approvals.ports import Citation, Effect, Examination
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
            crm = Glance(lambda: self._agents().crm)
            if errors := self._impossible(value, crm):
                return Examination(document=document, errors=errors)
            looked = self._looked_up(value, evidence)
            return Examination(
                document=value.model_dump(mode="json"),
                findings=tuple(Finding.model_validate(finding.model_dump()) for finding in looked.findings),
                citations=tuple(Citation.model_validate(citation.model_dump()) for citation in looked.citations),
                moved=self._moved(value, based_on, crm),
                consequences=_consequences(value, crm),
                effects=self._effects(value, crm),
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

    def _impossible(self, value: BaseModel, crm: Crm) -> tuple[FieldError, ...]:
        """What fits the class and could yet never be done, such as a field the CRM has not."""
        ports = self._agents()
        approaching = isinstance(value, Brief | Proposal) or (isinstance(value, CrmUpdate) and adds(value))
        if approaching and isinstance(value, Brief | Proposal | CrmUpdate):
            try:
                check_company(value.entity, ports.suppressed)
            except Suppressed as suppressed:
                return (FieldError(path="entity.domain", message=f"{suppressed} Reject this."),)
        found = problems(value, crm=crm, fields=ports.fields) if isinstance(value, CrmUpdate) else ()
        return tuple(FieldError(path=path, message=sentence) for path, sentence in found)

    def _looked_up(self, value: BaseModel, evidence: Evidence) -> LookedUp:
        """What is found of the document's claims, with everything they cite looked up in the stored pages."""
        if isinstance(value, Brief):
            return looked_up_brief(value, self._agents().pages)
        if not isinstance(value, Proposal | CrmUpdate):
            return LookedUp((), ())
        sources, facts = _sources(evidence), _facts(evidence)
        library = Library(sources, facts, self._agents().pages)
        if isinstance(value, CrmUpdate):
            return looked_up_update(value, library, self._agents().fields)
        catalogue = self._agents().catalogue
        findings = check(value, sources=sources, facts=facts, catalogue=catalogue)
        return looked_up(value, findings, library=library, catalogue=catalogue)

    def _moved(self, value: BaseModel, based_on: dict[str, str], crm: Crm) -> tuple[Moved, ...]:
        if not based_on or not isinstance(value, Document):
            return ()
        changed = moved(based_on, crm=crm, catalogue=self._agents().catalogue)
        return tuple(Moved(address=address, was=was, now=now) for address, (was, now) in changed.items())

    def _effects(self, value: BaseModel, crm: Crm) -> tuple[Effect, ...]:
        if not isinstance(value, Proposal | CrmUpdate):
            return ()
        ports = self._agents()
        found = effects(value, crm=crm, catalogue=ports.catalogue, fields=ports.fields)
        return tuple(Effect.model_validate(effect.model_dump()) for effect in found)


def _consequences(value: BaseModel, crm: Crm) -> tuple[str, ...]:
    if isinstance(value, Brief | Proposal | CrmUpdate):
        return consequences(value, crm=crm)
    told = getattr(value, "consequences", None)
    return tuple(str(sentence) for sentence in told()) if callable(told) else ()


def _sources(evidence: Evidence) -> tuple[Source, ...]:
    return tuple(Source.model_validate(source.model_dump()) for source in evidence.sources)


def _facts(evidence: Evidence) -> tuple[Fact, ...]:
    return tuple(Fact.model_validate(fact.model_dump()) for fact in evidence.facts)


def _field_errors(error: ValidationError) -> Iterable[FieldError]:
    for one in error.errors(include_url=False)[:MOST_ERRORS]:
        path = ".".join(str(part) for part in one["loc"])
        yield FieldError(path=path, message=one["msg"].removeprefix("Value error, "))
