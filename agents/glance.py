"""A CRM at one moment: what was read once is not read again, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.changes import Change, CrmObject
from agents.errors import CrmError
from agents.ports import Capabilities, Crm, Done, FieldHistory, Link, Note, Record


class Glance:
    """Reads through to a CRM, each record once, so that all that is said of a document is said of the same state.

    The CRM is opened when something is asked of it. `fresh` names keys that are about to be made up, and so need not
    be looked for.
    """

    def __init__(self, opened: Callable[[], Crm], *, fresh: frozenset[str] = frozenset()) -> None:
        self._opened = opened
        self._fresh = fresh
        self._records: dict[tuple[CrmObject, str], Record | None] = {}
        self._notes: dict[str, Note | None] = {}

    @property
    def address(self) -> str:
        """How the CRM was opened."""
        return self._opened().address

    @property
    def capabilities(self) -> Capabilities:
        """What the CRM can do of what not every CRM can."""
        return self._opened().capabilities

    def describe(self) -> Mapping[CrmObject, tuple[str, ...]]:
        """The fields each object has."""
        return self._opened().describe()

    def read(self, object: CrmObject, key: str) -> Record | None:  # noqa: A002 - CRMs call it so
        """The record as it was when it was first asked for."""
        if key in self._fresh:
            return None
        if (object, key) not in self._records:
            self._records[object, key] = self._opened().read(object, key)
        return self._records[object, key]

    def note(self, key: str) -> Note | None:
        """The note as it was when it was first asked for."""
        if key in self._fresh:
            return None
        if key not in self._notes:
            self._notes[key] = self._opened().note(key)
        return self._notes[key]

    def associations(self, object: CrmObject, key: str) -> tuple[Link, ...]:  # noqa: A002
        """The records this one is linked with."""
        return () if self.read(object, key) is None else self._opened().associations(object, key)

    def records(self, object: CrmObject | None = None) -> tuple[Record, ...]:  # noqa: A002
        """Every record, read anew."""
        return self._opened().records(object)

    def notes(self, about: str | None = None) -> tuple[Note, ...]:
        """Every note, read anew."""
        return self._opened().notes(about)

    def history(self, object: CrmObject, key: str) -> tuple[FieldHistory, ...]:  # noqa: A002
        """Each change of each field of a record."""
        return self._opened().history(object, key)

    def apply(self, change: Change, *, by: str) -> Done:
        """Nothing.

        Raises:
            CrmError: always; whoever looks does not write.
        """
        raise CrmError(f"This is a look at {self.address}; changes are written through the CRM itself.")
