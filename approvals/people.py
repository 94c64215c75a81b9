"""Who may take part, and in which groups: the directory as a TOML file, and as a list in memory."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import ValidationError

from approvals.errors import PeopleError, UnknownScheme
from approvals.files import Reread, alone_in, write_whole
from approvals.ports import Directory, Person

_HOW_TO_MAKE_ONE = "`countersign up` makes one; `countersign people add EMAIL --group GROUP` adds a person to it."


class PeopleList:
    """The people given to it, and no others."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self._people = {person.email.casefold(): person for person in people}

    def person(self, email: str) -> Person | None:
        """The person with this e-mail, in whatever case it is written; active or not."""
        return self._people.get(email.casefold())

    def people(self) -> tuple[Person, ...]:
        """Everybody, in the order given."""
        return tuple(self._people.values())

    def members(self, groups: Sequence[str]) -> tuple[Person, ...]:
        """The active people in any of these groups."""
        return tuple(person for person in self.people() if person.active and not set(groups).isdisjoint(person.groups))


class PeopleFile:
    """The people of a TOML file, as it reads now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listed = Reread(path, lambda path: PeopleList(read_people(path)))

    def person(self, email: str) -> Person | None:
        """The person with this e-mail, in whatever case it is written; active or not."""
        return self._listed().person(email)

    def people(self) -> tuple[Person, ...]:
        """Everybody, in the order of the file."""
        return self._listed().people()

    def members(self, groups: Sequence[str]) -> tuple[Person, ...]:
        """The active people in any of these groups."""
        return self._listed().members(groups)


def _open_file(address: str) -> Directory:
    return PeopleFile(Path(url2pathname(urlsplit(address).path)))


DIRECTORIES: dict[str, Callable[[str], Directory]] = {
    "file": _open_file,
    "memory": lambda _: PeopleList(),
}


def open_directory(address: str) -> Directory:
    """The directory at `file:///path/people.toml`, or an empty one at `memory:`.

    Raises:
        UnknownScheme: nothing is registered for the address.
    """
    scheme = address.partition(":")[0]
    if scheme not in DIRECTORIES:
        raise UnknownScheme(f"No directory of people is known for {address!r}; known: {', '.join(DIRECTORIES)}.")
    return DIRECTORIES[scheme](address)


# -- reading -----------------------------------------------------------------------------------------------------


def read_people(path: Path) -> tuple[Person, ...]:
    """The people of this file.

    Raises:
        PeopleError: the file is missing or wrong; the message names file, entry and field, and what to do.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise PeopleError(f"There is no list of people at {str(path)!r}. {_HOW_TO_MAKE_ONE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PeopleError(f"The list of people {str(path)!r} cannot be read: {error}.") from error
    return _people(text, path)


def _people(text: str, path: Path) -> tuple[Person, ...]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PeopleError(f"The list of people {str(path)!r} is not valid TOML: {error}.") from error
    for key in tables:
        if key != "people":
            raise PeopleError(f"{str(path)!r} has {key!r} at its top; every person stands under [[people]].")
    entries = tables.get("people", [])
    if not isinstance(entries, list):
        raise PeopleError(f"{str(path)!r} has `people` as one table; write [[people]], with two brackets, per person.")
    people: dict[str, Person] = {}
    for number, entry in enumerate(entries, start=1):
        person = _person(entry, number, path)
        if person.email.casefold() in people:
            raise PeopleError(f"In {str(path)!r}, {person.email} is listed twice (entry {number}); keep one entry.")
        people[person.email.casefold()] = person
    return tuple(people.values())


def _person(entry: Any, number: int, path: Path) -> Person:
    try:
        return Person.model_validate(entry)
    except ValidationError as error:
        # A misspelt field is also a missing one: the misspelling is what there is to mend.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    email = entry.get("email") if isinstance(entry, dict) else None
    where = f"In {str(path)!r}, entry {number}" + (f" ({email})" if isinstance(email, str) else "")
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, Person.model_fields, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(Person.model_fields)}."
        raise PeopleError(f"{where}: {field!r} is not known of a person. {hint}")
    if first["type"] == "missing":
        raise PeopleError(f"{where}: {field!r} is missing; every person needs one.")
    if field == "email":
        raise PeopleError(f"{where}: {entry['email']!r} is not an e-mail address.")
    raise PeopleError(f"{where}: {field!r} is wrong ({first['msg']}); given was {first['input']!r}.")


# -- adding ------------------------------------------------------------------------------------------------------


def add_person(path: Path, person: Person) -> None:
    """Add a person at the end of the file, which is made if need be; what it says already stays as it is.

    Raises:
        PeopleError: the person is there already, or the file is wrong.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent):
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if any(known.email.casefold() == person.email.casefold() for known in _people(before, path)):
            raise PeopleError(f"{person.email} is in {str(path)!r} already; change the entry there.")
        text = f"{before.rstrip()}\n\n{_entry(person)}".lstrip()
        try:
            added = _people(text, path)
        except PeopleError as error:
            raise PeopleError(f"Nothing was added to {str(path)!r}; write the entry by hand. {error}") from error
        if added[-1:] != (person,):
            raise PeopleError(f"Nothing was added to {str(path)!r}: {person.email} would not read back the same.")
        write_whole(path, text)


def _entry(person: Person) -> str:
    lines = ["[[people]]", f"email = {_quoted(person.email)}"]
    if person.name:
        lines.append(f"name = {_quoted(person.name)}")
    lines.append(f"groups = [{', '.join(_quoted(group) for group in person.groups)}]")
    lines.append(f"role = {_quoted(person.role)}")
    if not person.active:
        lines.append("active = false")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for the one control character that JSON leaves alone.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
