"""Whom a batch is about: a file as spreadsheets write it, or companies of the CRM."""

from __future__ import annotations

import pytest

from agents.changes import Create
from agents.crm import open_crm
from agents.documents import Prospect
from flows.errors import ProspectsInvalid
from flows.prospects import domain_of, key_of, read_prospects, read_source


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"no column 'target' \(it has: nothing\)"),
        (b"name,url\nHalden,halden.example\n", r"no column 'target' \(it has: name, url\)"),
        (b"target;name\nhalden.example;Halden\n", "The first line names the columns"),
        (b"target,name\nhalden.example,Halden\n,Kestrel\n", "line 3: target"),
        (b"target,name\nhalden.example,Halden\n\n  ,Kestrel\n", "line 4: target"),
        (b"target\n\xff\xfe\n", "not UTF-8"),
    ],
    ids=["empty", "no target", "semicolons", "a line without target", "only spaces", "not text"],
)
def test_a_file_of_prospects_that_cannot_be_used_is_named_with_its_line(tmp_path, content, says):
    path = tmp_path / "prospects.csv"
    path.write_bytes(content)

    with pytest.raises(ProspectsInvalid, match=says) as refused:
        read_prospects(path)

    assert str(path) in str(refused.value)


def test_a_file_of_prospects_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProspectsInvalid, match="cannot be read"):
        read_prospects(tmp_path / "nowhere.csv")
    with pytest.raises(ProspectsInvalid, match="cannot be read"):
        read_prospects(tmp_path)


def test_prospects_are_read_as_spreadsheets_write_them(tmp_path):
    page = tmp_path / "halden.html"
    page.write_text("<p>Halden</p>")
    path = tmp_path / "prospects.csv"
    path.write_bytes(
        "\ufefftarget,name,source_url,notes\r\n"
        "halden.html, Halden Freight ,https://halden.example/,ours\r\n"
        '"text: Kestrel, a mill",,,\r\n'
        "orrin.example,Ørrin & Søn,\r\n".encode()
    )

    halden, kestrel, orrin = read_prospects(path)

    assert (halden.target, halden.name, halden.source_url) == (
        str(page.resolve()),
        "Halden Freight",
        "https://halden.example/",
    )
    assert (kestrel.target, kestrel.name) == ("text: Kestrel, a mill", None)
    assert (orrin.target, orrin.name, orrin.source_url) == ("orrin.example", "Ørrin & Søn", None)


def test_a_file_with_a_heading_alone_has_no_prospects(tmp_path):
    path = tmp_path / "prospects.csv"
    path.write_text("target,name\n")

    assert read_prospects(path) == ()


# -- a view of the CRM -------------------------------------------------------------------------------------------


@pytest.fixture
def crm():
    crm = open_crm("embedded://?memory")
    for name, domain, country in (
        ("Halden Freight", "halden.example", "NO"),
        ("Kestrel", "kestrel.example", "DE"),
        ("Marlow", "", "DE"),
    ):
        fields = {"name": name, "domain": domain, "country": country}
        crm.apply(
            Create(object="company", key=f"co:{name}", fields={k: v for k, v in fields.items() if v}, why="a test"),
            by="test",
        )
    yield crm
    crm.close()


@pytest.mark.parametrize(
    ("view", "names"),
    [
        ("crm:company", ["Halden Freight", "Kestrel"]),
        ("crm:company?country=de", ["Kestrel"]),
        ("crm:company?employees=", ["Halden Freight", "Kestrel"]),
        ("crm:company?country=NO&employees=12", []),
    ],
)
def test_companies_of_the_crm_are_read_by_their_fields_and_those_without_an_address_are_left_out(crm, view, names):
    assert [one.name for one in read_source(view, crm)] == names


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ("crm:deal", "A batch reads companies"),
        ("crm:company?stage=won", "names 'stage'; a company of this CRM"),
    ],
)
def test_a_view_that_the_crm_does_not_have_is_named(crm, view, says):
    with pytest.raises(ProspectsInvalid, match=says):
        read_source(view, crm)


# -- who is who --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "domain"),
    [
        ({"target": "halden.example"}, "halden.example"),
        ({"target": "https://www.Halden.example/about?x=1"}, "halden.example"),
        ({"target": "text: Halden", "source_url": "https://shop.halden.co.uk/"}, "halden.co.uk"),
        ({"target": "text: Halden"}, None),
        ({"target": "https://halden.blogspot.com/"}, None),
    ],
)
def test_a_company_is_known_by_the_domain_that_its_prospect_tells(given, domain):
    assert domain_of(Prospect(**given)) == domain


def test_two_lines_about_one_domain_are_one_company_and_two_texts_are_two():
    one, other = Prospect(target="halden.example"), Prospect(target="https://www.halden.example/", name="Halden")

    assert key_of(one) == key_of(other)
    assert key_of(Prospect(target="text: a")) != key_of(Prospect(target="text: b"))
