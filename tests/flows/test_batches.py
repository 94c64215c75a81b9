"""Starting runs: the file of prospects, and one run for each, however often it is started."""

from __future__ import annotations

import asyncio

import letters
import pytest

from flows.batches import ProspectsInvalid, read_prospects, start_run
from flows.errors import ServerError


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


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
def test_the_same_key_starts_a_run_once_and_its_requester_is_on_its_label(house):
    house.deploy(letters.one_letter)
    name = f"one-letter/{house.name}"

    async def start(key: str, requester: str) -> object:
        return await start_run(name, {"to": "halden"}, requester=requester, key=key, tags=["campaign:spring"])

    first = asyncio.run(start(f"{house.home}:1", "rita@acme.example"))
    again = asyncio.run(start(f"{house.home}:1", "omar@acme.example"))
    other = asyncio.run(start(f"{house.home}:2", "rita@acme.example"))

    assert first.id == again.id != other.id
    assert again.labels["countersign.requester"] == "rita@acme.example"
    assert first.parent_task_run_id is None
    assert "campaign:spring" in first.tags


@pytest.mark.server
@pytest.mark.xdist_group("prefect")
def test_an_unknown_deployment_is_named(house):
    with pytest.raises(ServerError, match="no deployment 'one-letter/nowhere'"):
        asyncio.run(start_run("one-letter/nowhere", {}, requester="rita@acme.example"))
