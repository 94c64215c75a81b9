"""The list of people, as a file and in memory."""

from __future__ import annotations

import os
import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.errors import PeopleError, UnknownScheme
from approvals.people import PeopleFile, PeopleList, add_person, open_directory, read_people
from approvals.ports import Person

TWO = """# Who signs.
[[people]]
email = "Ina@copperleaf.example"
name = "Ina Roth"
groups = ["sales", "legal"]
role = "admin"

[[people]]  # left in spring
email = "udo@copperleaf.example"
groups = ["sales"]
active = false
"""

INA = Person(email="Ina@copperleaf.example", name="Ina Roth", groups=("sales", "legal"), role="admin")
UDO = Person(email="udo@copperleaf.example", groups=("sales",), active=False)


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "people.toml"
    file.write_text(TWO)
    return file


@pytest.fixture(params=["file", "memory"])
def directory(request, file):
    return PeopleFile(file) if request.param == "file" else PeopleList([INA, UDO])


def test_a_person_is_found_in_whatever_case_the_address_is_written(directory):
    assert directory.person("INA@Copperleaf.EXAMPLE") == INA
    assert directory.person("nobody@copperleaf.example") is None


def test_members_are_the_active_people_of_any_of_the_groups(directory):
    assert directory.people() == (INA, UDO)
    assert directory.members(["sales"]) == (INA,)
    assert directory.members(["legal", "finance"]) == (INA,)
    assert directory.members([]) == ()


def test_a_changed_file_counts_from_the_next_question_on(file):
    directory = PeopleFile(file)
    assert directory.person("udo@copperleaf.example").active is False

    file.write_text(TWO.replace("active = false", "active = true "))

    assert directory.person("udo@copperleaf.example").active is True


def test_a_file_that_broke_is_refused_and_its_earlier_people_are_not_kept(file):
    directory = PeopleFile(file)
    assert directory.people()

    file.write_text("[[people]")

    for _ in range(2):
        with pytest.raises(PeopleError, match="not valid TOML"):
            directory.people()
    file.write_text(TWO)
    assert directory.people() == (INA, UDO)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(PeopleError, match=r"people\.toml.*`countersign up` makes one.*people add"):
        PeopleFile(tmp_path / "people.toml").person("ina@copperleaf.example")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[[people]]\nemial = 'a@b.example'", r"entry 1: 'emial' is not known of a person\. Did you mean 'email'\?"),
        ("[[people]]\nname = 'A'", "entry 1: 'email' is missing"),
        ("[[people]]\nemail = 'a@b.example'\nrole = 'king'", r"entry 1 \(a@b.example\): 'role' is wrong.*'king'"),
        ("[[people]]\nemail = 'a@b.example'\ngroups = 'sales'", "'groups' is wrong"),
        ("[[people]]\nemail = 'nobody'", "'nobody' is not an e-mail address"),
        ("[[people]]\nemail = 'a@b.example'\n[[people]]\nemail = 'A@B.example'", r"listed twice \(entry 2\)"),
        ("[people]\nemail = 'a@b.example'", r"write \[\[people\]\]"),
        ("[[persons]]\nemail = 'a@b.example'", "has 'persons' at its top"),
        ("people = [1]", "entry 1"),
    ],
)
def test_a_mistake_is_named_with_file_entry_and_field(tmp_path, content, sentence):
    file = tmp_path / "people.toml"
    file.write_text(content)

    with pytest.raises(PeopleError, match=sentence) as caught:
        read_people(file)

    assert str(file) in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    file = tmp_path / "people.toml"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(PeopleError, match="cannot be read"):
        read_people(file)


# -- adding ------------------------------------------------------------------------------------------------------


def test_adding_keeps_what_the_file_says(file):
    file.chmod(0o640)

    add_person(file, Person(email="mo@copperleaf.example", groups=("legal",)))

    assert file.read_text().startswith(TWO.rstrip())
    assert [person.email for person in read_people(file)][-1] == "mo@copperleaf.example"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(file.parent) == ["people.toml"]


def test_adding_makes_the_file_for_its_owner_alone(tmp_path):
    file = tmp_path / "home" / "people.toml"

    add_person(file, INA)

    assert read_people(file) == (INA,)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [TWO, "people = []", "[[people]"])
def test_where_somebody_cannot_be_added_the_file_stays_as_it_was(tmp_path, content):
    file = tmp_path / "people.toml"
    file.write_text(content)

    with pytest.raises(PeopleError):
        add_person(file, Person(email="ina@copperleaf.example"))

    assert file.read_text() == content


def test_two_who_add_at_once_both_succeed(tmp_path):
    file = tmp_path / "people.toml"
    people = [Person(email=f"p{number}@copperleaf.example") for number in range(20)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda person: add_person(file, person), people))

    assert {person.email for person in read_people(file)} == {person.email for person in people}


@given(name=st.text(st.characters(codec="utf-8")), groups=st.lists(st.text(st.characters(codec="utf-8")), max_size=3))
def test_whatever_a_person_is_called_reads_back_the_same(tmp_path_factory, name, groups):
    file = tmp_path_factory.mktemp("people") / "people.toml"
    person = Person(email="ina@copperleaf.example", name=name, groups=tuple(groups))

    add_person(file, person)

    assert read_people(file) == (person,)
    assert tomllib.loads(file.read_text(encoding="utf-8"))


# -- opening -----------------------------------------------------------------------------------------------------


def test_a_directory_is_opened_by_its_address(tmp_path):
    file = tmp_path / "with space" / "people.toml"
    add_person(file, INA)

    assert open_directory(file.as_uri()).people() == (INA,)
    assert open_directory("memory:").people() == ()
    with pytest.raises(UnknownScheme, match="known: file, memory"):
        open_directory("ldap://copperleaf.example")
