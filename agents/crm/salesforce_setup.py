"""The fields that a Salesforce organisation needs, and saying which of them are missing.

Salesforce lets an administrator make fields, not the user of a client app; so this looks and tells.
"""

from __future__ import annotations

from agents.changes import CrmObject
from agents.crm.mapping import FieldMap
from agents.crm.salesforce_org import Org
from agents.errors import CrmError

KEY, BY, ABOUT, BODY = "Countersign_Key__c", "Countersign_By__c", "Countersign_About__c", "Countersign_Body__c"
NOTES, ROLES = "Countersign_Note__c", "OpportunityContactRole"
KINDS: dict[CrmObject, str] = {"company": "Account", "contact": "Contact", "deal": "Opportunity"}
LOOKUPS: dict[CrmObject, str] = {
    "company": "Countersign_Account__c",
    "contact": "Countersign_Contact__c",
    "deal": "Countersign_Opportunity__c",
}
_TYPES = {
    KEY: "Text(255), External ID, Unique",
    BODY: "Long Text Area(131072)",
    LOOKUPS["company"]: "Lookup(Account)",
    LOOKUPS["contact"]: "Lookup(Contact)",
    LOOKUPS["deal"]: "Lookup(Opportunity)",
}


def set_up(org: Org, fields: FieldMap) -> tuple[str, ...]:
    """Look at each kind of record; what is there, a sentence each.

    Raises:
        CrmError: something is missing; the message lists all of it, to be made in Setup, Object Manager.
    """
    wanted: dict[str, tuple[str, ...]] = {KINDS[kind]: (KEY, BY, *fields.properties(kind)) for kind in KINDS}
    wanted |= {NOTES: (KEY, BY, ABOUT, BODY, *LOOKUPS.values()), ROLES: (KEY,)}
    missing: list[str] = []
    for kind, names in wanted.items():
        there = org.fields(kind)
        missing += [f"{kind}.{name}: {_TYPES.get(name, 'Text(255)')}" for name in names if name not in there]
        key = there.get(KEY, {})
        if key and not (key.get("externalId") and key.get("unique")):
            missing.append(f"{kind}.{KEY}: mark it as External ID and as Unique")
    if missing:
        listed = "".join(f"\n- {one}" for one in missing)
        raise CrmError(f"Make this in Salesforce, under Setup, Object Manager, and let the app's user see it:{listed}")
    return tuple(f"{kind}: {len(names)} fields are there." for kind, names in wanted.items())
