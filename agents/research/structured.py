"""Facts from what pages say to machines: JSON-LD, microdata, OpenGraph and canonical links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agents.documents import FactKey as K
from agents.research.candidates import Candidate, Method
from agents.research.contacts import host_of
from agents.research.countries import code_of
from agents.research.descriptions import tells_work
from agents.research.json_ld import Node, Scalar, join, read_json_ld, walk
from agents.research.news import iso_date
from agents.research.pages import Property, ReadPage

_ORGANISATION = re.compile(
    r"(?:Organization|Organisation|Corporation|Business|Company|Store|Shop|Agency|Restaurant"
    r"|Bakery|Brewery|Winery|Hotel|Service|Dentist|Clinic|Hospital|Office|NGO|Airline|Consortium"
    r"|Contractor|Plumber|Electrician|Attorney|Notary|Dealer|Repair|Center|Centre|Salon|Gym"
    r"|Library|Project|School|College|Cafe|CafeOrCoffeeShop|MovingCompany|Locksmith|Logistics"
    r"|Manufacturer|Startup|Firm)$"
)
_NOT_ORGANISATION = frozenset(
    {
        "Service",
        "FinancialService_",
        "BroadcastService",
        "CableOrSatelliteService",
        "TaxiService",
        "FoodService",
        "GovernmentService",
    }
)
_PERSONISH = frozenset({"Person"})
_ASIDE = frozenset({"author", "review", "reviews", "creator", "customer", "competitor", "itemReviewed", "sponsor",
    "funder", "memberOf", "parentOrganization", "subOrganization", "alumniOf", "isPartOf", "recognizedBy", "issuedBy",
    "provider_", "copyrightHolder_", "translator", "affiliation", "worksFor_", "knows", "mentions", "subjectOf",
    "citation", "testimonial", "client", "clients"})  # fmt: skip
_ARTICLES = frozenset({"NewsArticle", "Article", "BlogPosting", "PressRelease", "Report"})
_PRODUCTS = frozenset(
    {
        "Product",
        "SoftwareApplication",
        "WebApplication",
        "MobileApplication",
        "ProductModel",
        "Vehicle",
        "Beer",
        "ProductGroup",
        "IndividualProduct",
    }
)


@dataclass
class Organisation:
    """One organisation that structured data describes, and the candidates found in it."""

    name: str = ""
    names: list[str] = field(default_factory=list)
    host: str = ""
    town: str = ""
    top: bool = True
    candidates: list[Candidate] = field(default_factory=list)


@dataclass
class Structured:
    """Everything structured data says of a page: its organisations, and entries of whoever owns the page."""

    organisations: list[Organisation] = field(default_factory=list)
    entries: list[Candidate] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    site_names: list[Candidate] = field(default_factory=list)
    scripts: int = 0


def structured(page: ReadPage) -> Structured:
    """What machines are told on this page."""
    found = Structured()
    roots: list[Node] = []
    for tag in page.tags:
        if tag.name == "script" and tag.inner and "ld+json" in tag.get("type").lower():
            found.scripts += 1
            roots.extend(read_json_ld(page.markup, *tag.inner))
    tops = join(roots)
    for node in walk(tops):
        found.strings.extend(
            s.text for values in node.fields.values() for s in values if isinstance(s, Scalar) and len(s.text) > 20
        )
    _read_nodes(found, tops)
    _read_microdata(found, page)
    return found


def _is_organisation(node: Node) -> bool:
    types = node.types
    if any(_ORGANISATION.search(kind) and kind not in _NOT_ORGANISATION for kind in types):
        return True
    # Misspelt types: what has a name and an address or telephone is somebody.
    described = bool(node.scalars("name", "legalName")) and bool(
        node.fields.get("address") or node.scalars("telephone")
    )
    return described and not any(kind in ("Person", "Place", "Event", "PostalAddress", "Service") for kind in types)


def _read_nodes(found: Structured, tops: list[Node]) -> None:
    seen: set[int] = set()
    queue: list[tuple[Node, bool, str]] = [(node, True, "") for node in tops]
    steps = 0
    while queue and steps < 3_000:
        steps += 1
        node, top, via = queue.pop(0)
        if id(node) in seen:
            continue
        seen.add(id(node))
        aside = via in _ASIDE
        if _is_organisation(node):
            organisation = _organisation(node)
            organisation.top = not aside
            found.organisations.append(organisation)
        elif not aside:
            found.entries.extend(_entries(node, found))
        if aside and not top:
            continue
        for key, values in node.fields.items():
            queue.extend(
                (value, False, key)
                for value in values
                if isinstance(value, Node) and key not in ("address", "contactPoint")
            )


def _made(
    key: K, scalar: Scalar | None, confidence: float = 0.93, value: str | None = None, as_of: str | None = None
) -> Iterator[Candidate]:
    if scalar is not None and scalar.text.strip() and scalar.end > scalar.start:
        start, end = scalar.quote
        yield Candidate(
            key,
            (value if value is not None else scalar.text)[:400].strip(),
            "markup",
            start,
            min(end, start + 600),
            "jsonld",
            confidence,
            as_of,
        )


def _organisation(node: Node) -> Organisation:
    out = Organisation()
    out.names = [scalar.text for scalar in node.scalars("name", "legalName", "alternateName")]
    out.name = out.names[0] if out.names else ""
    out.host = next(
        (host for s in node.scalars("url", "@id", "mainEntityOfPage") if (host := host_of(s.text)) and "." in host), ""
    )
    add = out.candidates.extend
    add(_made(K.NAME, node.first("name"), 0.95))
    add(_made(K.LEGAL_NAME, node.first("legalName"), 0.95))
    add(_descriptions(node))
    add(_made(K.WEBSITE, node.first("url"), 0.9))
    for scalar in node.scalars("foundingDate", "dateFounded", "foundingYear")[:3]:
        if match := re.search(r"\b(1[5-9]\d\d|20[0-4]\d)\b", scalar.text):
            add(_made(K.FOUNDED, scalar, 0.93, match[1]))
    add(_employees(node))
    for scalar in node.scalars("telephone", "phone"):
        add(_made(K.PHONE, scalar, 0.94))
    for scalar in node.scalars("email"):
        add(_made(K.EMAIL, scalar, 0.95, re.sub(r"(?i)^mailto:", "", scalar.text)))
    for point in node.nodes("contactPoint", "contactPoints", "contact"):
        if not re.search(r"(?i)fax|private", " ".join(s.text for s in point.scalars("contactType"))):
            for scalar in point.scalars("telephone"):
                add(_made(K.PHONE, scalar, 0.9))
            for scalar in point.scalars("email"):
                add(_made(K.EMAIL, scalar, 0.92, re.sub(r"(?i)^mailto:", "", scalar.text)))
    add(_places(node, out))
    for scalar in node.scalars("sameAs"):
        if re.match(r"https?://", scalar.text):
            add(_made(K.SOCIAL, scalar, 0.9))
    add(_lists(node))
    return out


def _descriptions(node: Node) -> Iterator[Candidate]:
    for scalar in node.scalars("description", "disambiguatingDescription")[:3]:
        if tells_work(scalar.text):
            yield from _made(K.DESCRIPTION, scalar, 0.85)
    yield from _made(K.DESCRIPTION, node.first("slogan"), 0.5)


def _employees(node: Node) -> Iterator[Candidate]:
    for value in node.fields.get("numberOfEmployees", ()) + node.fields.get("employees", ()):
        if isinstance(value, Scalar):
            if re.search(r"\d", value.text) and len(value.text) < 60:
                yield from _made(K.EMPLOYEES, value, 0.92)
            continue
        single, low, high = value.first("value"), value.first("minValue"), value.first("maxValue")
        if single is not None:
            yield from _made(K.EMPLOYEES, single, 0.92)
        elif low is not None and high is not None:
            first, last = min(low.start, high.start), max(low.end, high.end)
            if last - first <= 300:
                yield Candidate(K.EMPLOYEES, f"{low.text}-{high.text}", "markup", first, last, "jsonld", 0.92)
        elif low is not None:
            yield from _made(K.EMPLOYEES, low, 0.85, f"{low.text}+")


def _places(node: Node, out: Organisation) -> Iterator[Candidate]:
    holders = [node, *node.nodes("location"), *node.nodes("department")]
    for holder in holders:
        for value in holder.fields.get("address", ()):
            if isinstance(value, Scalar):
                if len(value.text) > 8:
                    yield from _made(K.ADDRESS, value, 0.85)
                continue
            yield from _postal(value)
            town = value.first("addressLocality")
            if town is not None:
                out.town = out.town or town.text
                yield from _made(K.LOCATION, town, 0.9)
        if holder is not node and not holder.fields.get("address"):
            yield from _made(K.LOCATION, holder.first("name"), 0.75)


def _postal(value: Node) -> Iterator[Candidate]:
    """A PostalAddress as one line, in the order its country writes it."""
    street, code, town, region, country = (
        value.first(name)
        for name in ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")
    )
    if street is None and (code is None or town is None):
        return
    lines = [street.text if street else ""]
    if country is not None and code_of(country.text) in ("US", "CA", "AU"):
        lines += [town.text if town else "", " ".join(s.text for s in (region, code) if s)]
    elif country is not None and code_of(country.text) in ("GB", "IE"):
        lines += [" ".join(s.text for s in (town, code) if s)]
    else:
        lines += [" ".join(s.text for s in (code, town) if s)]
    text = ", ".join(filter(None, (*lines, country.text if country else "")))
    spans = [s.quote for s in (street, code, town, region, country) if s is not None]
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    if last - first > 600:
        if street is None:
            return
        (first, last), text = street.quote, street.text
    yield Candidate(K.ADDRESS, text, "markup", first, last, "jsonld", 0.93)


def _lists(node: Node) -> Iterator[Candidate]:
    for offered in (*node.nodes("makesOffer"), *node.nodes("hasOfferCatalog")):
        for inner in walk([offered]):
            if inner.types and inner.types[0] in ("Service", "Product", *_PRODUCTS):
                yield from _made(K.SERVICE if inner.types[0] == "Service" else K.PRODUCT, inner.first("name"), 0.88)
            else:
                items = (
                    []
                    if inner.nodes("itemOffered") or inner.nodes("itemListElement") or inner is offered
                    else [inner.first("name")]
                )
                for scalar in items:
                    yield from _made(K.SERVICE, scalar, 0.7)
    for scalar in node.scalars("brand", "owns"):
        yield from _made(K.PRODUCT, scalar, 0.7)
    for scalar in node.scalars("hasCredential", "hasCertification"):
        yield from _made(K.CERTIFICATION, scalar, 0.88)
    for scalar in node.scalars("areaServed"):
        if scalar.text[:1].isupper() and not scalar.text.startswith("http") and len(scalar.text) < 60:
            yield from _made(K.LOCATION, scalar, 0.5)
    for person in node.nodes("employee", "founder", "founders"):
        if person.first("jobTitle") is not None or node.nodes("employee"):
            yield from _made(K.CONTACT_PERSON, person.first("name"), 0.8)


def _entries(node: Node, found: Structured) -> Iterator[Candidate]:
    types = set(node.types)
    if "WebSite" in types:
        found.site_names.extend(_made(K.NAME, node.first("name"), 0.85))
    elif types & _PRODUCTS:
        yield from _made(K.PRODUCT, node.first("name"), 0.85)
    elif "Service" in types:
        yield from _made(K.SERVICE, node.first("name", "serviceType"), 0.85)
    elif "JobPosting" in types:
        for made in _made(K.JOB, node.first("title", "name"), 0.95):
            hiring = next(iter(node.nodes("hiringOrganization")), None)
            posted = node.first("datePosted")
            about = (hiring.first("name") if hiring else None) or None
            yield replace(made, as_of=iso_date(posted.text) if posted else None, about=about.text if about else "")
    elif types & _ARTICLES or "Event" in types:
        title, when = node.first("headline", "name"), node.first("datePublished", "startDate", "dateCreated")
        stamp = iso_date(when.text) if when else None
        if stamp:
            yield from _made(K.NEWS, title, 0.88, as_of=stamp)


def _read_microdata(found: Structured, page: ReadPage) -> None:
    items: dict[int, list[Property]] = {}
    for prop in page.properties:
        items.setdefault(prop.item, []).append(prop)
    organisations: dict[int, Organisation] = {}
    for number, props in items.items():
        if (
            _ORGANISATION.search(props[0].type)
            and props[0].parent_property not in _ASIDE
            and props[0].type != "Service"
        ):
            organisations[number] = Organisation()
            found.organisations.append(organisations[number])
    for number, props in items.items():
        kind = props[0].type
        if number in organisations:
            out = organisations[number]
            for prop in props:
                _organisation_property(out, page, prop)
        elif kind == "PostalAddress":
            owner = organisations.get(props[0].parent_item)
            made = list(_microdata_address(page, props))
            (owner.candidates if owner is not None else found.entries).extend(made)
            if owner is not None:
                owner.town = next((c.value for c in made if c.key is K.LOCATION), owner.town)
        elif props[0].parent_property not in _ASIDE:
            found.entries.extend(_microdata_entry(page, kind, props))


_MICRODATA = {
    "name": K.NAME, "legalName": K.LEGAL_NAME, "description": K.DESCRIPTION,
    "telephone": K.PHONE, "email": K.EMAIL, "url": K.WEBSITE,
    "foundingDate": K.FOUNDED, "numberOfEmployees": K.EMPLOYEES, "address": K.ADDRESS, "sameAs": K.SOCIAL,
    "brand": K.PRODUCT,
}  # fmt: skip


def _organisation_property(out: Organisation, page: ReadPage, prop: Property) -> None:
    key = _MICRODATA.get(prop.name)
    if key is None:
        return
    value = re.sub(r"(?i)^(?:mailto|tel):", "", prop.value)
    if key is K.FOUNDED:
        match = re.search(r"\b(1[5-9]\d\d|20[0-4]\d)\b", value)
        if match is None:
            return
        value = match[1]
    if key in (K.WEBSITE, K.SOCIAL) and not re.match(r"https?://", value):
        return
    if key is K.NAME:
        out.names.append(value)
        out.name = out.name or value
    if key is K.WEBSITE:
        out.host = out.host or host_of(value)
    out.candidates.extend(_placed(page, prop, key, value, 0.92))


def _placed(
    page: ReadPage, prop: Property, key: K, value: str, confidence: float, as_of: str | None = None
) -> Iterator[Candidate]:
    method: Method = "microdata"
    if prop.in_text:
        if 0 < prop.end - prop.start <= 600 and page.text[prop.start : prop.end] == prop.value:
            yield Candidate(key, " ".join(value.split())[:400], "text", prop.start, prop.end, method, confidence, as_of)
    elif (place := _attribute(page, prop.value)) is not None:
        yield Candidate(key, value[:400], "markup", *place, method, confidence, as_of)


def _attribute(page: ReadPage, value: str) -> tuple[int, int] | None:
    for name in ("content", "href", "datetime"):
        if (place := page.quote_of_attribute(("meta", "link", "a", "area", "time"), name, value)) is not None:
            return place
    return None


def _microdata_address(page: ReadPage, props: list[Property]) -> Iterator[Candidate]:
    shown = [
        p
        for p in props
        if p.in_text
        and p.name in ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")
        and page.text[p.start : p.end] == p.value
    ]
    if shown:
        first, last = min(p.start for p in shown), max(p.end for p in shown)
        if last - first <= 300 and any(p.name == "streetAddress" for p in shown):
            value = ", ".join(" ".join(part.split()).strip(" ,") for part in page.text[first:last].split("\n"))
            yield Candidate(K.ADDRESS, value, "text", first, last, "microdata", 0.92)
        for prop in shown:
            if prop.name == "addressLocality":
                yield from _placed(page, prop, K.LOCATION, prop.value.strip(" ,"), 0.88)


def _microdata_entry(page: ReadPage, kind: str, props: list[Property]) -> Iterator[Candidate]:
    by_name = {prop.name: prop for prop in reversed(props)}
    if kind in _PRODUCTS and "name" in by_name:
        yield from _placed(page, by_name["name"], K.PRODUCT, by_name["name"].value, 0.85)
    elif kind == "Service" and (prop := by_name.get("name") or by_name.get("serviceType")):
        yield from _placed(page, prop, K.SERVICE, prop.value, 0.85)
    elif kind == "JobPosting" and (prop := by_name.get("title")):
        yield from _placed(page, prop, K.JOB, prop.value, 0.92)
    elif (kind in _ARTICLES or kind == "Event") and (prop := by_name.get("headline") or by_name.get("name")):
        when = by_name.get("datePublished") or by_name.get("startDate")
        stamp = iso_date(when.value) if when else None
        if stamp:
            yield from _placed(page, prop, K.NEWS, prop.value, 0.85, stamp)


def page_addresses(page: ReadPage) -> list[Candidate]:
    """Where the page says it lives: canonical link, OpenGraph address."""
    found: list[Candidate] = []
    for tag in page.tags:
        if tag.name == "link" and "canonical" in tag.get("rel").lower().split() and host_of(tag.get("href")):
            href = tag.attributes["href"]
            found.append(Candidate(K.WEBSITE, href.value, "markup", href.start, href.end, "link", 0.8))
    if (meta := page.metas.get("og:url")) is not None and re.match(r"https?://", meta.get("content")):
        content = meta.attributes["content"]
        found.append(Candidate(K.WEBSITE, content.value, "markup", content.start, content.end, "opengraph", 0.8))
    return found
