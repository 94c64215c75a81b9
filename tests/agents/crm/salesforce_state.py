"""What the Salesforce fake keeps: records with external ids, the rules on them, and the few queries that are asked.

Written from notes on how the API behaves; nothing of Salesforce's own stands here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

KEY = "Countersign_Key__c"
_OURS = (KEY, "Countersign_By__c")
KINDS: dict[str, tuple[str, ...]] = {
    "Account": (
        *("Name", "Website", "BillingCountry", "BillingStreet", "Phone", "Description", "NumberOfEmployees"),
        *("Countersign_Legal_Name__c", "Countersign_Domain__c", "Countersign_Email__c", "Countersign_Founded__c"),
        *("Countersign_Employees__c", "Countersign_Revenue__c", *_OURS),
    ),
    "Contact": ("FirstName", "LastName", "Email", "Title", "Phone", "AccountId", *_OURS),
    "Opportunity": ("Name", "Amount", "StageName", "CloseDate", "AccountId", "Countersign_Currency__c", *_OURS),
    "OpportunityContactRole": ("ContactId", "OpportunityId", *_OURS),
    "Countersign_Note__c": (
        *("Countersign_About__c", "Countersign_Body__c", "Countersign_Account__c", "Countersign_Contact__c"),
        *("Countersign_Opportunity__c", *_OURS),
    ),
}
REQUIRED = {"Account": ("Name",), "Contact": ("LastName",), "Opportunity": ("Name", "StageName", "CloseDate")}
PREFIXES = {"Account": "001", "Contact": "003", "Opportunity": "006", "OpportunityContactRole": "00K"}
_STEP = re.compile(
    r"(?P<field>[\w.]+)\s*(?P<how>=|!=|IN)\s*(?P<what>null|'(?:\\.|[^'])*'|\((?:\s*'(?:\\.|[^'])*'\s*,?)+\))"
)
_QUERY = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<kind>\w+)(?: WHERE (?P<where>.+?))?(?: ORDER BY (?P<order>[\w, ]+))?$"
)


class Refused(Exception):
    """An answer of 3xx or 4xx: a list of errors."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: Any = [{"message": message, "errorCode": code, **more}]


class State:
    """One organisation."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.missing: set[str] = set()
        self.not_unique: set[str] = set()
        self.duplicate_rule = False
        self._next = 0

    def fields(self, kind: str) -> list[str]:
        if kind not in KINDS or kind in self.missing:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        return [name for name in KINDS[kind] if f"{kind}.{name}" not in self.missing]

    def by_key(self, kind: str, name: str, value: str) -> list[dict[str, Any]]:
        if name not in self.fields(kind) or not name.endswith("_Key__c"):
            raise Refused(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}")
        return [row for row in self.rows[kind].values() if str(row.get(name) or "").casefold() == value.casefold()]

    def check(self, kind: str, values: dict[str, Any], *, new: bool) -> None:
        known = set(self.fields(kind))
        for name, value in values.items():
            if name not in known:
                raise Refused(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")
            if name in ("Amount", "NumberOfEmployees") and value is not None and not isinstance(value, int | float):
                raise Refused(400, "JSON_PARSER_ERROR", f"Cannot deserialize {name} from {value!r}")
            if name in REQUIRED.get(kind, ()) and not value:
                raise Refused(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", fields=[name])
        left = [name for name in REQUIRED.get(kind, ()) if not values.get(name)]
        if new and left:
            raise Refused(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: {left}", fields=left)

    def create(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        self.check(kind, values, new=True)
        key = values.get(KEY)
        if key and f"{kind}.{KEY}" not in self.not_unique and self.by_key(kind, KEY, key):
            raise Refused(400, "DUPLICATE_VALUE", f"duplicate value found: {KEY} duplicates value on another record")
        if self.duplicate_rule and kind == "Account":
            for row in self.rows[kind].values():
                if row.get("Name") == values["Name"]:
                    match = {"matchRecords": [{"record": {"attributes": {"type": kind}, "Id": row["Id"]}}]}
                    result = {"allowSave": False, "matchResults": [match]}
                    raise Refused(400, "DUPLICATES_DETECTED", "Use one of these records?", duplicateResult=result)
        self._next += 1
        number = f"{PREFIXES.get(kind, 'a00')}{self._next:012d}AAA"
        made = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self._next)
        row = {"Id": number, "CreatedDate": made.strftime("%Y-%m-%dT%H:%M:%S.000+0000"), **values}
        self.rows[kind][number] = row
        return row

    def update(self, kind: str, row: dict[str, Any], values: dict[str, Any]) -> None:
        self.check(kind, values, new=False)
        row.update(values)

    def upsert(self, kind: str, name: str, value: str, values: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        if name in values:
            raise Refused(400, "INVALID_FIELD", f"The {name} field should not be specified in the sobject data.")
        found = self.by_key(kind, name, value)
        if len(found) > 1:
            refused = Refused(300, "", "")
            refused.body = [f"/services/data/v62.0/sobjects/{kind}/{row['Id']}" for row in found]
            raise refused
        if found:
            self.update(kind, found[0], values)
            return found[0], False
        return self.create(kind, {name: value, **values}), True

    def delete(self, kind: str, number: str) -> None:
        if self.rows[kind].pop(number, None) is None:
            raise Refused(404, "ENTITY_IS_DELETED", "entity is deleted")
        for rows in self.rows.values():
            for row in rows.values():
                for name, value in row.items():
                    if value == number and name != "Id":
                        row[name] = None

    # -- queries -------------------------------------------------------------------------------------------------

    def query(self, soql: str) -> list[dict[str, Any]]:
        match = _QUERY.fullmatch(soql.strip())
        if match is None:
            raise Refused(400, "MALFORMED_QUERY", f"unexpected token in {soql}")
        kind = match["kind"]
        names = [name.strip() for name in match["fields"].split(",")]
        known = {*self.fields(kind), "Id", "CreatedDate"}
        for name in names:
            if name.partition(".")[0] not in known and f"{name.partition('.')[0]}Id" not in known:
                raise Refused(400, "INVALID_FIELD", f"No such column '{name}' on entity '{kind}'")
        rows = [row for row in self.rows[kind].values() if self._fits(row, match["where"] or "")]
        for name in reversed([one.strip() for one in (match["order"] or "Id").split(",")]):
            rows.sort(key=lambda row, name=name: str(row.get(name) or ""))  # type: ignore[misc]
        return [self._shown(kind, row, names) for row in rows]

    def _fits(self, row: dict[str, Any], where: str) -> bool:
        for step in _STEP.finditer(where):
            held, what = row.get(step["field"]), step["what"]
            values = [re.sub(r"\\(.)", r"\1", one) for one in re.findall(r"'((?:\\.|[^'])*)'", what)]
            fits = held not in (None, "") if what == "null" else held in values
            if not fits:
                return False
        return True

    def _shown(self, kind: str, row: dict[str, Any], names: list[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "attributes": {"type": kind, "url": f"/services/data/v62.0/sobjects/{kind}/{row['Id']}"}
        }
        for name in names:
            parent, dot, field = name.partition(".")
            if not dot:
                shown[name] = row.get(name)
                continue
            of = self.rows[parent].get(row.get(f"{parent}Id") or "")
            shown[parent] = {"attributes": {"type": parent}, field: of.get(field)} if of else None
        return shown
