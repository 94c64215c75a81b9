"""HubSpot: setting up, whose hand wrote what, what is refused and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import TOKEN, Server
from vendors import QUICK, hubspot_access, open_hubspot

from agents.changes import AddNote, Associate, Create, Remove, SetField
from agents.crm import open_crm
from agents.crm.changing import Taken
from agents.crm.hubspot import HubspotCrm
from agents.crm.hubspot_notes import LONGEST, to_html, to_words
from agents.crm.mapping import FieldMap
from agents.errors import CrmError, CrmUnavailable
from agents.ports import Crm

HALDEN = Create(
    object="company",
    key="co:halden.example",
    fields={"name": "Halden Freight", "domain": "halden.example", "employees": "about 340"},
)
ANNA = Create(
    object="contact", key="ct:anna@halden.example", fields={"email": "anna@halden.example", "name": "Anna Berg"}
)
DEAL = Create(
    object="deal",
    key="dl:halden.example:r1",
    fields={"name": "Offer", "amount": "12340.00", "currency": "EUR", "stage": "Proposal approved"},
)
FIELDS = """
[company]
name = "name"
{}
[contact]
name = "lastname"
[deal]
name = "dealname"
"""
NOTE = AddNote(key="nt:r1:proposal", object="deal", about=DEAL.key, body="Was signed.")
RENAME = SetField(object="company", key=HALDEN.key, field="name", before="Halden Freight", after="Halden Freight GmbH")


def raw(server: Server, version: str = "2026-03", token: str = TOKEN, address: str = "hubspot:") -> HubspotCrm:
    """An account that nobody set up."""
    crm = open_crm(address, access=hubspot_access(server, version=version, token=token))
    assert isinstance(crm, HubspotCrm)
    return crm


# -- setting up --------------------------------------------------------------------------------------------------


def test_setting_up_makes_the_properties_once_and_says_so(hubspot_server: Server) -> None:
    first = raw(hubspot_server).set_up()
    second = raw(hubspot_server).set_up()

    assert "companies: made the property countersign_key, unique." in first
    assert "notes: made the property countersign_about." in first
    assert not [sentence for sentence in second if "made" in sentence]
    assert len(second) == 4


def test_a_key_property_that_is_not_unique_stops_the_set_up(hubspot_server: Server) -> None:
    portal = raw(hubspot_server)._portal
    portal.make_group("companies", "mine", "Mine")
    portal.make_property(
        "companies",
        {"name": "countersign_key", "label": "x", "groupName": "mine", "type": "string", "fieldType": "text"},
    )

    with pytest.raises(CrmError, match=r"takes one value twice.*[Rr]ename or archive it"):
        raw(hubspot_server).set_up()


def test_a_property_that_is_not_ours_to_make_is_named(hubspot_server: Server, tmp_path: Path) -> None:
    fields = tmp_path / "fields.toml"
    fields.write_text(FIELDS.replace("{}", 'sector = "branch"'))
    crm = raw(hubspot_server)
    crm._fields = FieldMap.read("hubspot", fields)

    with pytest.raises(CrmError, match=r"no property 'branch' on companies.*AGENTS_CRM_FIELDS"):
        crm.set_up()


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_an_account_that_was_not_set_up_says_what_to_run(hubspot_server: Server, version: str) -> None:
    with pytest.raises(CrmUnavailable, match=r"countersign crm setup.*correlationId: [0-9a-f-]{36}"):
        raw(hubspot_server, version).read("company", HALDEN.key)

    assert hubspot_server.counts()["companies"] == 0


def test_only_the_paths_of_the_version_are_asked(hubspot_server: Server) -> None:
    for version, other in (("v3", "2026-03"), ("2026-03", "/v")):
        hubspot_server.reset()
        crm = open_hubspot(hubspot_server, "hubspot:", version=version)
        crm.apply(HALDEN, by="anna")

        assert not [call for call in hubspot_server.calls() if other in call]


@pytest.mark.parametrize("address", ["hubspot://acme", "hubspot://1/2", "hubspot:1"])
def test_an_address_that_names_no_account_is_refused(address: str) -> None:
    with pytest.raises(CrmUnavailable, match=r"hubspot://12345678"):
        open_crm(address)


def test_without_a_token_the_variable_is_named() -> None:
    with pytest.raises(CrmUnavailable, match="AGENTS_HUBSPOT_TOKEN is not set"):
        open_crm("hubspot:")


def test_a_version_that_is_none_is_refused(hubspot_server: Server) -> None:
    with pytest.raises(CrmError, match=r"AGENTS_HUBSPOT_VERSION.*2026-03"):
        raw(hubspot_server, "v4")


# -- what is refused ---------------------------------------------------------------------------------------------


def test_a_wrong_token_names_the_setting(hubspot_server: Server) -> None:
    crm = raw(hubspot_server, token="wrong")

    with pytest.raises(CrmUnavailable, match=r"AGENTS_HUBSPOT_TOKEN.*correlationId"):
        crm.apply(HALDEN, by="anna")


@pytest.mark.parametrize("change", [HALDEN, NOTE, RENAME], ids=lambda change: change.kind)
def test_a_token_of_another_account_reads_and_writes_nothing(hubspot_server: Server, change: Create) -> None:
    open_hubspot(hubspot_server)
    crm = raw(hubspot_server, address="hubspot://999")

    for act in (lambda: crm.apply(change, by="anna"), lambda: crm.read("company", "co:x"), crm.records, crm.notes):
        with pytest.raises(CrmUnavailable, match=r"opens the account 12345678.*hubspot://999"):
            act()

    assert hubspot_server.counts()["companies"] == 0


def test_a_missing_scope_is_named(hubspot_server: Server) -> None:
    hubspot_server.reset(scopes=["crm.objects.companies.read", "crm.objects.contacts.read"])

    with pytest.raises(
        CrmUnavailable, match=r"crm\.objects\.deals\.read.*private app|private app crm\.objects\.deals\.read"
    ):
        raw(hubspot_server).read("deal", DEAL.key)


def test_a_network_that_is_gone_says_that_nothing_was_sent(hubspot_server: Server) -> None:
    access = hubspot_access(hubspot_server)
    crm = open_crm(
        "hubspot:", access=type(access)(hubspot_token=lambda: TOKEN, hubspot_url="http://127.0.0.1:9", patience=QUICK)
    )

    with pytest.raises(CrmUnavailable, match=r"cannot be reached.*nothing was sent"):
        crm.apply(HALDEN, by="anna")


def test_a_value_that_hubspot_refuses_is_told_in_its_words(hubspot_server: Server, tmp_path: Path) -> None:
    fields = tmp_path / "fields.toml"
    fields.write_text(FIELDS.replace("{}", 'employees = "numberofemployees"'))
    crm = open_hubspot(hubspot_server)
    crm._fields = FieldMap.read("hubspot", fields)

    with pytest.raises(CrmError, match="is no number, for numberofemployees") as refused:
        crm.apply(HALDEN.model_copy(update={"fields": {"name": "H", "employees": "about 340"}}), by="anna")

    assert not isinstance(refused.value, CrmUnavailable)
    assert hubspot_server.counts()["companies"] == 0


# -- records that others made ------------------------------------------------------------------------------------


def test_a_contact_that_somebody_made_is_found_by_its_address_and_gets_our_key(
    hubspot: Crm, hubspot_server: Server
) -> None:
    hubspot_server.by_hand("contacts", "email", "anna@halden.example", email="anna@halden.example", lastname="Berg")

    conflict = hubspot.apply(ANNA, by="anna")
    written = hubspot.apply(
        SetField(object="contact", key=ANNA.key, field="name", before="Berg", after="Anna Berg"), by="anna"
    )

    assert (conflict.outcome, conflict.now["name"]) == ("conflict", "Berg")
    assert written.outcome == "written"
    assert hubspot_server.counts()["contacts"] == 1
    assert [record.key for record in hubspot.records("contact")] == [ANNA.key]


def test_an_address_that_another_record_of_ours_took_is_no_second_contact(hubspot: Crm, hubspot_server: Server) -> None:
    """HubSpot answers 409: its addresses are unique."""
    hubspot.apply(ANNA.model_copy(update={"key": "ct:old@halden.example"}), by="anna")

    with pytest.raises(CrmError, match=r"already exists.*give that record this key"):
        hubspot.apply(ANNA, by="anna")

    assert hubspot_server.counts()["contacts"] == 1


def test_a_record_that_somebody_makes_in_between_is_compared_and_not_made_twice(
    hubspot: Crm, hubspot_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(hubspot, HubspotCrm)
    insert = hubspot.insert

    def late(*arguments: object, **terms: object) -> None:
        hubspot_server.by_hand("contacts", "email", "anna@halden.example", email="anna@halden.example", lastname="B")
        insert(*arguments, **terms)  # type: ignore[arg-type]

    monkeypatch.setattr(hubspot, "insert", late)

    done = hubspot.apply(ANNA, by="anna")

    assert (done.outcome, done.now["name"]) == ("conflict", "B")
    assert hubspot_server.counts()["contacts"] == 1


def test_a_record_changed_by_another_hand_is_a_conflict_and_the_hand_is_in_the_history(
    hubspot: Crm, hubspot_server: Server
) -> None:
    hubspot.apply(HALDEN, by="anna")
    before = hubspot.read("company", HALDEN.key)
    hubspot_server.by_hand("companies", "countersign_key", HALDEN.key, name="Halden AG")

    done = hubspot.apply(RENAME, by="bert")

    after = hubspot.read("company", HALDEN.key)
    assert (done.outcome, done.now) == ("conflict", {"name": "Halden AG"})
    assert before is not None
    assert after is not None
    assert before.version != after.version
    assert [(one.after, one.by) for one in hubspot.history("company", HALDEN.key) if one.field == "name"] == [
        ("Halden Freight", "anna"),
        ("Halden AG", "crm_ui:somebody"),
    ]


def test_what_hubspot_counts_for_itself_moves_no_version(hubspot: Crm) -> None:
    hubspot.apply(DEAL, by="anna")
    before = hubspot.read("deal", DEAL.key)

    hubspot.apply(NOTE, by="anna")

    assert hubspot.read("deal", DEAL.key) == before


# -- how values stand there --------------------------------------------------------------------------------------


def test_words_of_ours_stand_as_codes_of_hubspots(hubspot: Crm, hubspot_server: Server) -> None:
    hubspot.apply(DEAL, by="anna")

    record = hubspot.read("deal", DEAL.key)
    sent = hubspot_server.bodies()[-1]["inputs"][0]["properties"]
    assert record is not None
    assert record.fields == DEAL.fields
    assert sent["dealstage"] == "contractsent"
    assert all(isinstance(value, str) for value in sent.values())


@pytest.mark.parametrize("name", ["Anna Berg", "Anna", "Dr. Anna Maria Berg", "Halden Freight (info)"])
def test_a_name_is_split_in_two_and_reads_as_one(hubspot: Crm, name: str) -> None:
    create = ANNA.model_copy(update={"fields": {**ANNA.fields, "name": name}})

    hubspot.apply(create, by="anna")

    record = hubspot.read("contact", ANNA.key)
    assert record is not None
    assert record.fields["name"] == name
    assert hubspot.apply(create, by="bert").outcome == "already"
    assert [one.after for one in hubspot.history("contact", ANNA.key) if one.field == "name"] == [name]


@pytest.mark.parametrize(
    "words",
    [
        "<b>bold</b> & <script>alert(1)</script>",
        "a\n\n  b\t c\r\n",
        "&lt;br&gt; is a tag",
        "5 < 6 > 4",
        "✓ \u00a0 ü",
        "<br>",
    ],
)
def test_a_notes_words_come_back_letter_by_letter(hubspot: Crm, hubspot_server: Server, words: str) -> None:
    hubspot.apply(DEAL, by="anna")

    hubspot.apply(NOTE.model_copy(update={"body": words}), by="anna")

    note = hubspot.note(NOTE.key)
    sent = hubspot_server.bodies()[-1]["inputs"][0]["properties"]["hs_note_body"]
    assert note is not None
    assert note.body == words
    assert "<script" not in sent
    assert to_words(to_html(words)) == words


def test_a_note_longer_than_hubspot_takes_is_refused_before_it_is_sent(hubspot: Crm, hubspot_server: Server) -> None:
    hubspot.apply(DEAL, by="anna")

    with pytest.raises(CrmError, match=r"HubSpot takes 65,536"):
        hubspot.apply(NOTE.model_copy(update={"body": "x" * (LONGEST + 1)}), by="anna")

    assert hubspot_server.counts()["notes"] == 0


def test_a_note_that_somebody_edited_reads_as_lines() -> None:
    assert to_words("<div><p>One &amp; two</p><p>three<br/>four</p></div>") == "One & two\nthree\nfour"


# -- batches -----------------------------------------------------------------------------------------------------


def test_a_batch_tells_the_good_from_the_bad_by_their_keys(hubspot: Crm, hubspot_server: Server) -> None:
    assert isinstance(hubspot, HubspotCrm)
    hubspot_server.by_hand("contacts", "email", "taken@halden.example", email="taken@halden.example")
    inputs = {f"ct:{n}": {"email": f"{n}@halden.example"} for n in ("one", "taken", "two")}

    outcomes = hubspot._portal.upsert("contacts", inputs, by="countersign_key")

    assert outcomes["ct:one"]["new"] is True  # type: ignore[index]
    assert outcomes["ct:two"]["new"] is True  # type: ignore[index]
    assert isinstance(outcomes["ct:taken"], Taken)
    assert "already exists" in str(outcomes["ct:taken"])
    assert any(call.startswith("207 ") for call in hubspot_server.calls())


def test_a_second_upsert_changes_and_does_not_make(hubspot: Crm, hubspot_server: Server) -> None:
    assert isinstance(hubspot, HubspotCrm)
    inputs = {f"co:{n}": {"name": f"Company {n}"} for n in range(250)}

    first = hubspot._portal.upsert("companies", inputs, by="countersign_key")
    second = hubspot._portal.upsert("companies", inputs, by="countersign_key")

    assert {one["new"] for one in first.values()} == {True}  # type: ignore[index]
    assert {one["new"] for one in second.values()} == {False}  # type: ignore[index]
    assert hubspot_server.counts()["companies"] == 250
    assert len([call for call in hubspot_server.calls() if "upsert" in call]) == 6


def test_every_page_is_read(hubspot: Crm) -> None:
    assert isinstance(hubspot, HubspotCrm)
    hubspot._portal.upsert("companies", {f"co:{n:03}": {"name": "x"} for n in range(230)}, by="countersign_key")

    assert [record.key for record in hubspot.records()] == [f"co:{n:03}" for n in range(230)]


# -- search ------------------------------------------------------------------------------------------------------


def test_the_search_is_never_asked_since_it_lags_behind(hubspot_server: Server) -> None:
    hubspot_server.reset(search_lag=3600)
    crm = open_hubspot(hubspot_server)

    for _ in range(2):
        for change in (
            HALDEN,
            ANNA,
            DEAL,
            NOTE,
            Associate(object="deal", key=DEAL.key, to_object="company", to_key=HALDEN.key),
        ):
            crm.apply(change, by="anna")
    crm.records()

    counts = hubspot_server.counts()
    assert counts == {"companies": 1, "contacts": 1, "deals": 1, "notes": 1, "links": 2}
    assert not [call for call in hubspot_server.calls() if "search" in call]


def test_an_archived_record_is_none_and_its_key_is_free(hubspot: Crm) -> None:
    hubspot.apply(HALDEN, by="anna")

    hubspot.apply(Remove(object="company", key=HALDEN.key, fields=HALDEN.fields), by="anna")

    assert hubspot.read("company", HALDEN.key) is None
    assert hubspot.apply(HALDEN, by="anna").outcome == "written"


@pytest.fixture(autouse=True)
def _closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Connections of a test are closed with it."""
    opened: list[HubspotCrm] = []
    make = HubspotCrm.__init__

    def remembered(self: HubspotCrm, *arguments: object, **terms: object) -> None:
        opened.append(self)
        make(self, *arguments, **terms)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HubspotCrm, "__init__", remembered)
        yield
    for crm in opened:
        crm._portal.caller.close()
