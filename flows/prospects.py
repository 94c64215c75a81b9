"""Whom a batch is about: the prospects of a CSV file, or the companies of a view of the CRM."""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from agents.documents import Prospect
from agents.ports import Crm
from agents.research.identity import on_platform, registrable
from agents.research.targets import web_address
from approvals.canonical import canonical, digest
from flows.errors import ProspectsInvalid

CRM_VIEW = "crm:"
"""How a source begins that is a view of the CRM: `crm:company?country=DE&employees=`."""


def read_source(source: str, crm: Crm) -> tuple[Prospect, ...]:
    """The prospects of a CSV file or of a view of the CRM.

    Raises:
        ProspectsInvalid: it cannot be used; the message names the file and line, or the field.
    """
    return read_view(source, crm) if source.startswith(CRM_VIEW) else read_prospects(Path(source))


def read_view(view: str, crm: Crm) -> tuple[Prospect, ...]:
    """The companies of the CRM whose fields are as the view says (`name=value`; `name=` for an empty one), by key.

    A company without a website or domain cannot be researched and is left out.

    Raises:
        ProspectsInvalid: the view names another object than `company`, or a field that companies do not have.
    """
    name, _, terms = view.removeprefix(CRM_VIEW).partition("?")
    if name != "company":
        raise ProspectsInvalid(f"A batch reads companies: write crm:company?field=value, not {view!r}.")
    fields = crm.describe()["company"]
    wanted = dict(parse_qsl(terms, keep_blank_values=True))
    if unknown := sorted(set(wanted) - set(fields)):
        raise ProspectsInvalid(f"{view!r} names {unknown[0]!r}; a company of this CRM has {', '.join(fields)}.")
    found = []
    for record in crm.records("company"):
        told = record.fields
        target = told.get("website") or told.get("domain")
        if target and all(told.get(field, "").casefold() == value.casefold() for field, value in wanted.items()):
            found.append(Prospect(target=target, name=told.get("name")))
    return tuple(found)


def read_prospects(path: Path) -> tuple[Prospect, ...]:
    """The prospects of a CSV file with the columns `target` and, if wanted, `name` and `source_url`.

    Raises:
        ProspectsInvalid: the file is missing or a line is wrong; the message names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if "target" not in columns:
                raise ProspectsInvalid(
                    f"{str(path)!r} has no column 'target' (it has: {', '.join(columns) or 'nothing'}). "
                    "The first line names the columns: target,name,source_url."
                )
            return tuple(_prospect(path, reader.line_num, row) for row in reader)
    except OSError as error:
        raise ProspectsInvalid(f"The prospects file {str(path)!r} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ProspectsInvalid(f"The prospects file {str(path)!r} is not UTF-8 text.") from error


def domain_of(prospect: Prospect) -> str | None:
    """The domain of the company, as far as the prospect alone tells: of its address, or of where a page came from."""
    for address in (web_address(prospect.target), prospect.source_url):
        host = urlsplit(address or "").hostname or ""
        if "." in host and not on_platform(host):
            return registrable(host)
    return None


def key_of(prospect: Prospect) -> str:
    """What makes two prospects one: the company's domain, or all that was said where that is not known."""
    return domain_of(prospect) or digest(canonical(prospect))[:16]


def _prospect(path: Path, line: int, row: dict[str, str | None]) -> Prospect:
    given = {
        name: value.strip() for name in ("target", "name", "source_url") if (value := row.get(name)) and value.strip()
    }
    target = given.get("target", "")
    if target and (path.parent / target).exists():
        # A saved page lies beside the file that lists it.
        given["target"] = str((path.parent / target).resolve())
    try:
        return Prospect.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProspectsInvalid(f"{str(path)!r}, line {line}: {where}: {first['msg']}.") from error
