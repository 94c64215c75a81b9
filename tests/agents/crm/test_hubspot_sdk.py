"""HubSpot's own SDK works against the same fake, so that the fake is no fancy of ours; our requests fit its models."""

from __future__ import annotations

from typing import Any

import pytest
from servers import TOKEN, Server
from vendors import open_hubspot

hubspot_sdk = pytest.importorskip("hubspot", reason="hubspot-api-client is a development dependency")

from hubspot.crm import companies, properties  # noqa: E402

from agents.changes import AddNote, Associate, Create  # noqa: E402

HALDEN = Create(object="company", key="co:halden.example", fields={"name": "Halden Freight", "phone": "+49 431 1"})
DEAL = Create(object="deal", key="dl:halden.example:r1", fields={"name": "Offer", "amount": "100.00"})
NOTE = AddNote(key="nt:r1", object="company", about=HALDEN.key, body="Was signed.")
LINK = Associate(object="deal", key=DEAL.key, to_object="company", to_key=HALDEN.key)


@pytest.fixture
def sdk(hubspot_server: Server) -> Any:
    open_hubspot(hubspot_server, "hubspot:").close()
    client = hubspot_sdk.HubSpot(access_token=TOKEN)

    def at(api: Any) -> Any:
        """The SDK's API object, pointed at the fake."""
        api.api_client.configuration.host = hubspot_server.url
        return api

    client.at = at
    return client


def batch(kind: Any, *inputs: dict[str, Any]) -> Any:
    return kind.BatchInputSimplePublicObjectBatchInputUpsert(inputs=list(inputs))


def one(key: str, **properties: str) -> dict[str, Any]:
    return {"id": key, "idProperty": "countersign_key", "objectWriteTraceId": key, "properties": properties}


@pytest.mark.parametrize(("kind", "name"), [("companies", "name"), ("deals", "dealname"), ("contacts", "lastname")])
def test_the_sdk_upserts_twice_and_the_second_is_not_new(sdk: Any, kind: str, name: str) -> None:
    api = sdk.at(getattr(sdk.crm, kind).batch_api)
    module = __import__(f"hubspot.crm.{kind}", fromlist=["x"])

    answers = [api.upsert(batch(module, one("k:1", **{name: "Halden"}))).results[0] for _ in range(2)]

    assert [answer.new for answer in answers] == [True, False]
    assert answers[0].id == answers[1].id
    assert answers[0].object_write_trace_id == "k:1"


def test_the_sdk_reads_what_we_wrote_with_its_history(sdk: Any, hubspot_server: Server) -> None:
    crm = open_hubspot(hubspot_server, "hubspot:")
    crm.apply(HALDEN, by="anna")
    crm.close()

    read = sdk.at(sdk.crm.companies.basic_api).get_by_id(
        HALDEN.key, id_property="countersign_key", properties=["name", "phone"], properties_with_history=["phone"]
    )

    assert read.properties["name"] == "Halden Freight"
    assert [entry.value for entry in read.properties_with_history["phone"]] == ["+49 431 1"]


def test_the_sdk_sees_our_notes_and_links_and_we_see_its(sdk: Any, hubspot_server: Server) -> None:
    crm = open_hubspot(hubspot_server, "hubspot:")
    for change in (HALDEN, DEAL, NOTE, LINK):
        crm.apply(change, by="anna")
    api = sdk.at(sdk.crm.companies.basic_api)
    company = api.get_by_id(HALDEN.key, id_property="countersign_key").id
    deal = sdk.at(sdk.crm.deals.basic_api).get_by_id(DEAL.key, id_property="countersign_key").id
    links = sdk.at(sdk.crm.associations.v4.basic_api)

    before = [end.to_object_id for end in links.get_page("companies", company, "deals").results]
    links.archive("companies", company, "deals", deal)
    gone = crm.associations("deal", DEAL.key)
    made = links.create_default("deals", deal, "companies", company)

    note = sdk.at(sdk.crm.objects.notes.basic_api).get_by_id(
        NOTE.key, id_property="countersign_key", properties=["hs_note_body"]
    )
    assert [str(end) for end in before] == [deal]
    assert gone == ()
    assert made.results[0].to.id == company
    assert [link.key for link in crm.associations("deal", DEAL.key)] == [HALDEN.key]
    assert note.properties["hs_note_body"] == "Was signed."
    crm.close()


def test_the_sdk_reads_and_makes_properties(sdk: Any) -> None:
    api = sdk.at(sdk.crm.properties.core_api)

    made = api.create(
        "companies",
        properties.PropertyCreate(
            name="own", label="Own", group_name="countersign", type="string", field_type="text", has_unique_value=True
        ),
    )
    every = {each.name: each for each in api.get_all("companies").results}

    assert made.has_unique_value is True
    assert every["own"].has_unique_value is True
    assert every["countersign_key"].has_unique_value is True
    assert not every["countersign_by"].has_unique_value


def test_the_sdk_raises_on_what_the_fake_refuses(sdk: Any, hubspot_server: Server) -> None:
    api = sdk.at(sdk.crm.contacts.batch_api)
    contacts = __import__("hubspot.crm.contacts", fromlist=["x"])
    hubspot_server.by_hand("contacts", "email", "a@x.example", email="a@x.example")

    mixed = api.upsert(batch(contacts, one("k:1", email="a@x.example"), one("k:2", email="b@x.example")))
    with pytest.raises(contacts.ApiException) as alone:
        api.upsert(batch(contacts, one("k:1", email="a@x.example")))

    assert (mixed.num_errors, mixed.errors[0].category) == (1, "CONFLICT")
    assert mixed.errors[0].context["objectWriteTraceId"] == ["k:1"]
    assert [result.object_write_trace_id for result in mixed.results] == ["k:2"]
    assert alone.value.status == 409


def test_our_requests_fit_the_sdks_models(sdk: Any, hubspot_server: Server) -> None:
    """Parsed by its models and written out again, a body of ours is the same."""
    crm = open_hubspot(hubspot_server, "hubspot:")
    for change in (HALDEN, NOTE):
        crm.apply(change, by="anna")
    crm.close()
    writer = companies.ApiClient()

    for body in hubspot_server.bodies():
        for given in body["inputs"]:
            model = companies.SimplePublicObjectBatchInputUpsert(
                id=given["id"],
                id_property=given["idProperty"],
                object_write_trace_id=given["objectWriteTraceId"],
                properties=given["properties"],
            )
            assert set(given) == set(model.attribute_map.values())
            assert writer.sanitize_for_serialization(model) == given
    assert {body["kind"] for body in hubspot_server.bodies()} == {"companies", "notes"}
