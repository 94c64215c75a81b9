"""Salesforce: what must be there, what is refused and what to do about it, and that its own way of talking fits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from servers import Server
from vendors import QUICK, open_salesforce

from agents.applying import apply_update
from agents.changes import AddNote, Associate, Create, Dissociate, Remove, SetField
from agents.crm import open_crm
from agents.crm.salesforce import SalesforceCrm
from agents.crm.salesforce_org import equals, within
from agents.documents import CrmReceipt, CrmUpdate, EntityRef
from agents.errors import CrmError, CrmUnavailable

HALDEN = Create(
    object="company", key="co:halden.example", fields={"name": "Halden Freight", "domain": "halden.example"}
)
OTHER = Create(object="company", key="co:other.example", fields={"name": "Other"})
ANNA = Create(
    object="contact", key="ct:anna@halden.example", fields={"email": "anna@halden.example", "name": "Anna Berg"}
)
DEAL = Create(
    object="deal",
    key="dl:halden.example:r1",
    fields={"name": "Offer", "amount": "12340.50", "currency": "EUR", "stage": "Proposal approved"},
)
NOTE = AddNote(key="nt:r1:proposal", object="deal", about=DEAL.key, body="Was signed.\nAll of it.")
OWNS = Associate(object="deal", key=DEAL.key, to_object="company", to_key=HALDEN.key)
WORKS = Associate(object="contact", key=ANNA.key, to_object="company", to_key=HALDEN.key)
ROLE = Associate(object="contact", key=ANNA.key, to_object="deal", to_key=DEAL.key)
UPDATE = CrmUpdate(
    crm="salesforce://acme",
    entity=EntityRef(name="Halden", domain="halden.example"),
    changes=(HALDEN, ANNA, DEAL, OWNS, WORKS, ROLE, NOTE),
)
ONCE = {"Account": 1, "Contact": 1, "Opportunity": 1, "OpportunityContactRole": 1, "Countersign_Note__c": 1}


# -- setting up --------------------------------------------------------------------------------------------------


def test_an_organisation_with_every_field_says_so(salesforce: SalesforceCrm) -> None:
    assert len(salesforce.set_up()) == 5


def test_what_is_missing_is_listed_as_an_administrator_makes_it(salesforce_server: Server) -> None:
    salesforce_server.reset(
        missing=["Account.Countersign_Key__c", "Countersign_Note__c"], not_unique=["Contact.Countersign_Key__c"]
    )
    crm = open_salesforce(salesforce_server)

    with pytest.raises(CrmError) as refused:
        crm.set_up()

    crm.close()
    told = str(refused.value)
    assert "- Account.Countersign_Key__c: Text(255), External ID, Unique" in told
    assert "- Countersign_Note__c.Countersign_Body__c: Long Text Area" in told
    assert "- Contact.Countersign_Key__c: mark it" in told
    assert "Opportunity.Countersign_Key__c" not in told


def test_a_field_that_is_missing_says_what_to_run(salesforce_server: Server) -> None:
    salesforce_server.reset(missing=["Account.Countersign_Domain__c"])
    crm = open_salesforce(salesforce_server)

    with pytest.raises(CrmUnavailable, match=r"Countersign_Domain__c.*countersign crm setup"):
        crm.apply(HALDEN, by="anna")

    crm.close()


@pytest.mark.parametrize("address", ["salesforce:", "salesforce://acme.my.salesforce.com", "salesforce://a/b"])
def test_an_address_that_is_no_my_domain_is_refused(address: str) -> None:
    with pytest.raises(CrmUnavailable, match=r"salesforce://acme"):
        open_crm(address)


def test_without_the_clients_credentials_the_variable_is_named() -> None:
    with pytest.raises(CrmUnavailable, match="AGENTS_SALESFORCE_CLIENT_ID is not set"):
        open_crm("salesforce://acme")


# -- the token ---------------------------------------------------------------------------------------------------


def test_a_secret_that_is_wrong_names_the_setting(salesforce_server: Server) -> None:
    crm = open_salesforce(salesforce_server, secret="wrong")

    with pytest.raises(CrmUnavailable, match=r"AGENTS_SALESFORCE_CLIENT_SECRET.*invalid client credentials.*run as"):
        crm.read("company", "co:x")

    crm.close()


def test_one_token_serves_until_it_ends_and_then_another_one(
    salesforce: SalesforceCrm, salesforce_server: Server
) -> None:
    salesforce.apply(HALDEN, by="anna")
    salesforce_server.fault("PATCH .*Account", "expired")

    done = salesforce.apply(OTHER, by="anna")

    calls = salesforce_server.calls()
    assert done.outcome == "written"
    assert len([call for call in calls if "oauth2/token" in call]) == 2
    assert salesforce_server.counts()["Account"] == 2


# -- what is refused ---------------------------------------------------------------------------------------------


def test_several_records_of_one_key_are_told_and_none_is_written(salesforce_server: Server) -> None:
    salesforce_server.reset(not_unique=["Account.Countersign_Key__c"])
    for name in ("One", "Two"):
        salesforce_server.by_hand("Account", "Countersign_Key__c", "-", Name=name, Countersign_Key__c=HALDEN.key)
    crm = open_salesforce(salesforce_server)

    with pytest.raises(CrmUnavailable, match=r"several records under one key and wrote none.*unique"):
        crm.apply(HALDEN, by="anna")

    crm.close()


def test_a_duplicate_that_a_rule_found_is_named_by_its_id(salesforce_server: Server) -> None:
    salesforce_server.reset(duplicate_rule=True)
    salesforce_server.by_hand("Account", "Countersign_Key__c", "-", Name="Halden Freight")
    crm = open_salesforce(salesforce_server)

    with pytest.raises(CrmError, match=r"duplicate of 001\w+.*give that record this key"):
        crm.apply(HALDEN, by="anna")

    crm.close()
    assert salesforce_server.counts()["Account"] == 1


def test_a_row_that_is_locked_is_tried_again_at_once(salesforce: SalesforceCrm, salesforce_server: Server) -> None:
    salesforce_server.fault("PATCH", "locked", times=3)

    assert salesforce.apply(HALDEN, by="anna").outcome == "written"
    assert salesforce_server.counts()["Account"] == 1


def test_a_limit_that_is_reached_is_told_with_what_was_used(
    salesforce: SalesforceCrm, salesforce_server: Server
) -> None:
    salesforce.apply(HALDEN, by="anna")
    salesforce_server.fault("PATCH", "limit", times=100)

    with pytest.raises(CrmUnavailable, match=r"limit of API requests is reached \(api-usage=\d+/15000\)"):
        salesforce.apply(OTHER, by="anna")

    assert salesforce_server.counts()["Account"] == 1


def test_a_contact_and_a_deal_have_one_account(salesforce: SalesforceCrm) -> None:
    for change in (HALDEN, OTHER, ANNA, WORKS):
        salesforce.apply(change, by="anna")

    with pytest.raises(CrmError, match="has another account"):
        salesforce.apply(WORKS.model_copy(update={"to_key": OTHER.key}), by="anna")

    assert [link.key for link in salesforce.associations("contact", ANNA.key)] == [HALDEN.key]


def test_a_contact_has_a_role_in_a_deal_once(salesforce: SalesforceCrm, salesforce_server: Server) -> None:
    for change in (ANNA, DEAL):
        salesforce.apply(change, by="anna")

    outcomes = [salesforce.apply(ROLE, by="anna").outcome for _ in range(2)]

    assert outcomes == ["written", "already"]
    assert [link.key for link in salesforce.associations("deal", DEAL.key)] == [ANNA.key]
    assert [link.key for link in salesforce.associations("contact", ANNA.key)] == [DEAL.key]
    gone = Dissociate(object="deal", key=DEAL.key, to_object="contact", to_key=ANNA.key)
    assert salesforce.apply(gone, by="anna").outcome == "written"
    assert salesforce_server.counts()["OpportunityContactRole"] == 0


# -- how values stand there --------------------------------------------------------------------------------------


def test_amounts_are_numbers_there_and_words_of_ours_are_stages(
    salesforce: SalesforceCrm, salesforce_server: Server
) -> None:
    salesforce.apply(DEAL, by="anna")

    record = salesforce.read("deal", DEAL.key)
    sent = salesforce_server.bodies()[-1]
    assert record is not None
    assert record.fields == DEAL.fields
    assert (sent["Amount"], sent["StageName"]) == (12340.5, "Proposal/Price Quote")
    assert sent["CloseDate"]


@pytest.mark.parametrize("create", [HALDEN, ANNA, DEAL], ids=lambda create: create.object)
def test_what_salesforce_takes_no_record_without_is_filled_in_and_reads_as_empty(
    salesforce: SalesforceCrm, create: Create
) -> None:
    bare = create.model_copy(update={"fields": {}})

    done = [salesforce.apply(bare, by="anna").outcome for _ in range(2)]

    record = salesforce.read(create.object, create.key)
    assert done == ["written", "already"]
    assert record is not None
    assert record.fields == {}
    assert salesforce.apply(Remove(object=create.object, key=create.key, fields={}), by="anna").outcome == "written"


def test_every_page_of_a_query_is_read(salesforce: SalesforceCrm, salesforce_server: Server) -> None:
    for number in range(230):
        key = f"co:{number:03}"
        salesforce_server.by_hand("Account", "Countersign_Key__c", "-", Name=str(number), Countersign_Key__c=key)

    assert [record.key for record in salesforce.records()] == [f"co:{number:03}" for number in range(230)]


def test_a_value_of_a_query_stays_a_value() -> None:
    assert equals("Name", "O'Neill\\ \n' OR Name != '") == r"Name = 'O\'Neill\\ \n\' OR Name != \''"
    assert within("Name", ["a", "b'"]) == r"Name IN ('a', 'b\'')"


# -- answers that are lost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["500_before", "500_after", "timeout_before", "timeout_after", "locked", "expired"])
@pytest.mark.parametrize("on", ["Account/", "Contact/C", "Opportunity/C", "Opportunity/006", "Role/", "Note__c/"])
def test_whatever_becomes_of_a_write_running_again_ends_with_everything_once(
    salesforce_server: Server, on: str, do: str
) -> None:
    salesforce_server.reset(hang=0.5)
    crm = open_salesforce(salesforce_server, patience=replace(QUICK, timeout=0.25))
    salesforce_server.fault(f"PATCH .*{on}", do)

    result: Any = None
    for _ in range(3):
        try:
            result = asyncio.run(apply_update(UPDATE, crm=crm, by="permit-1"))
            break
        except CrmUnavailable:
            continue
    crm.close()

    assert isinstance(result, CrmReceipt)
    assert {one.outcome for one in result.applied} <= {"written", "already"}
    assert salesforce_server.counts() == ONCE


# -- simple-salesforce -------------------------------------------------------------------------------------------


@pytest.fixture
def sdk(salesforce_server: Server) -> Any:
    """The library that most people use, on the same fake; it speaks HTTPS alone, so its addresses are set."""
    library = pytest.importorskip("simple_salesforce", reason="simple-salesforce is a development dependency")
    crm = open_salesforce(salesforce_server)
    crm.read("company", "co:x")
    session, base = crm._org._token, f"{salesforce_server.url}/services/data/v62.0/"
    client = library.Salesforce(instance="127.0.0.1", session_id=session, version="62.0")
    client.base_url = base

    def kind(name: str) -> Any:
        api = getattr(client, name)
        api.base_url = f"{base}sobjects/{name}/"
        return api

    client.kind = kind
    yield client
    client.session.close()
    crm.close()


def test_the_library_upserts_twice_and_makes_one(sdk: Any, salesforce_server: Server) -> None:
    account = sdk.kind("Account")

    answers = [account.upsert("Countersign_Key__c/co:x.example", {"Name": "X"}) for _ in range(2)]

    assert answers == [201, 200]
    assert salesforce_server.counts()["Account"] == 1


def test_the_library_reads_what_we_wrote_and_we_what_it_wrote(sdk: Any, salesforce: SalesforceCrm) -> None:
    salesforce._org._token = sdk.session_id
    for change in (HALDEN, DEAL, OWNS):
        salesforce.apply(change, by="anna")

    read = sdk.kind("Account").get_by_custom_id("Countersign_Key__c", HALDEN.key)
    rows = sdk.query("SELECT Id, Name, Account.Name FROM Opportunity WHERE Countersign_Key__c != null")
    sdk.kind("Account").update(read["Id"], {"Phone": "1"})

    record = salesforce.read("company", HALDEN.key)
    assert (read["Name"], read["Countersign_By__c"]) == ("Halden Freight", "anna")
    assert rows["records"][0]["Account"]["Name"] == "Halden Freight"
    assert record is not None
    assert record.fields["phone"] == "1"
    moved = SetField(object="company", key=HALDEN.key, field="phone", before=None, after="2")
    assert salesforce.apply(moved, by="anna").now == {"phone": "1"}


def test_the_library_raises_on_what_the_fake_refuses(sdk: Any, salesforce_server: Server) -> None:
    from simple_salesforce.exceptions import (
        SalesforceExpiredSession,
        SalesforceMalformedRequest,
        SalesforceMoreThanOneRecord,
        SalesforceResourceNotFound,
    )

    salesforce_server.fault("GET .*Account", "expired")
    with pytest.raises(SalesforceExpiredSession):
        sdk.kind("Account").get("001")
    with pytest.raises(SalesforceResourceNotFound):
        sdk.kind("Account").get_by_custom_id("Countersign_Key__c", "co:nobody")
    with pytest.raises(SalesforceMalformedRequest):
        sdk.kind("Account").create({"Name": "X", "Nonsense__c": 1})
    salesforce_server.reset(not_unique=["Account.Countersign_Key__c"])
    for name in ("One", "Two"):
        salesforce_server.by_hand("Account", "Countersign_Key__c", "-", Name=name, Countersign_Key__c="co:x")
    crm = open_salesforce(salesforce_server)
    crm.read("contact", "ct:x")
    account = sdk.kind("Account")
    with pytest.raises(SalesforceMoreThanOneRecord):
        account.upsert("Countersign_Key__c/co:x", {"Name": "X"})
    crm.close()
