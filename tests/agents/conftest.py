"""Briefs about invented companies, the sample catalogue and the embedded plugs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "providers"))

from model_servers import ModelServer, model_server

from agents.catalogue import Catalogue, read_catalogue
from agents.crm import open_crm
from agents.documents import Brief, EntityRef, Fact, FactKey, Source
from agents.ports import Crm, Model
from agents.providers import open_model

Told = tuple[FactKey, str, str]
BriefMaker = Callable[..., Brief]


def make_brief(
    name: str,
    domain: str,
    told: list[Told],
    *,
    language: str = "en",
    conflicts: dict[str, tuple[str, ...]] | None = None,
    subject_match: str = "match",
    kind: str = "site",
) -> Brief:
    """A brief whose facts `f1`, `f2`, … all come from one page."""
    source = Source(
        id="s1",
        address=f"https://{domain}/",
        kind=kind,  # type: ignore[arg-type]
        title=f"About {name}",
        fetched_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        sha256="a" * 64,
        text_sha256="b" * 64,
        subject_match=subject_match,  # type: ignore[arg-type]
        language=language,
    )
    facts = tuple(
        Fact(
            id=f"f{number}",
            key=key,
            value=value,
            quote=quote,
            source_id="s1",
            start=0,
            end=len(quote),
            method="rule",
            confidence=0.9,
            conflicts_with=(conflicts or {}).get(f"f{number}", ()),
        )
        for number, (key, value, quote) in enumerate(told, 1)
    )
    entity = EntityRef(name=name, domain=domain)
    return Brief(entity=entity, language=language, sources=(source,), facts=facts)


@pytest.fixture
def brief_of() -> BriefMaker:
    return make_brief


@pytest.fixture
def halden() -> Brief:
    """A haulier, in English, whose pages say much and contradict themselves nowhere."""
    depots = "With depots in Kiel, Oslo and Rotterdam we are never far away."
    return make_brief(
        "Halden Freight",
        "halden.example",
        [
            (FactKey.DESCRIPTION, "We carry chilled food for producers.", "We carry chilled food for producers."),
            (FactKey.FOUNDED, "1987", "Founded in 1987 as a family business"),
            (FactKey.EMPLOYEES, "420", "Today 420 people work with us"),
            (FactKey.LOCATION, "Kiel", depots),
            (FactKey.LOCATION, "Oslo", depots),
            (FactKey.SERVICE, "Chilled haulage", "Chilled haulage with a fleet of 120 trucks"),
            (FactKey.CUSTOMER, "Norda Foods", "Among our customers: Norda Foods"),
            (FactKey.CERTIFICATION, "ISO 9001", "We are certified to ISO 9001"),
            (FactKey.NEWS, "Third depot opened in Rotterdam", "12 March 2024: Third depot opened in Rotterdam"),
            (FactKey.EMAIL, "dispatch@halden.example", "Write to dispatch@halden.example"),
            (FactKey.PHONE, "+49 431 5550100", "Call us: +49 431 5550100"),
            (FactKey.REVENUE, "EUR 45 million", "In 2024 revenue grew 12 % to EUR 45 million"),
            (FactKey.CONTACT_PERSON, "Mara Lindqvist", "Your contact: Mara Lindqvist, dispatch@halden.example"),
        ],
    )


@pytest.fixture
def brueckner() -> Brief:
    """A machine builder, in German, whose pages give two years of founding."""
    return make_brief(
        "Brückner Präzision",
        "brueckner.example",
        [
            (FactKey.DESCRIPTION, "Wir fertigen Präzisionsteile.", "Wir fertigen Präzisionsteile."),
            (FactKey.FOUNDED, "1962", "Seit 1962 in Familienhand"),
            (FactKey.FOUNDED, "1964", "Das Unternehmen wurde 1964 gegründet"),
            (FactKey.EMPLOYEES, "240", "240 Mitarbeiterinnen und Mitarbeiter"),
            (FactKey.PRODUCT, "Spindeln", "Spindeln und Wellen von 48 Maschinen"),
            (FactKey.PRODUCT, "Wellen", "Spindeln und Wellen von 48 Maschinen"),
            (FactKey.LOCATION, "Esslingen", "Unser Werk in Esslingen"),
            (FactKey.CERTIFICATION, "ISO 14001", "zertifiziert nach ISO 14001"),
            (FactKey.REVENUE, "18,5 Mio. Euro", "Umsatz 2023: 18,5 Mio. Euro"),
            (FactKey.EMAIL, "Info@Brueckner.example", "E-Mail: Info@Brueckner.example"),
        ],
        language="de",
        conflicts={"f3": ("f2",)},
    )


@pytest.fixture
def pond() -> Brief:
    """A company to which nothing in the catalogue fits."""
    return make_brief(
        "Quiet Pond",
        "pond.example",
        [(FactKey.DESCRIPTION, "We restore village ponds.", "We restore village ponds.")],
    )


@pytest.fixture
def catalogue() -> Catalogue:
    return read_catalogue()


@pytest.fixture
def model() -> Model:
    return open_model("offline:")


@pytest.fixture
def crm() -> Crm:
    return open_crm("embedded://?memory")


@pytest.fixture(scope="session")
def models() -> Iterator[ModelServer]:
    """The fake OpenAI-compatible server, one process for all tests."""
    with model_server() as server:
        yield server
