"""A thousand changes through HubSpot's connector, under the rate limits of an account, against the fake of the tests.

Run `python bench/crm.py`; `--limit 100` for a free account, `--interval 1` to be done sooner.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parents[1] / "tests" / "agents" / "crm"
sys.path.insert(0, str(HERE))

from servers import TOKEN, Server  # noqa: E402

from agents.applying import apply_update  # noqa: E402
from agents.changes import AddNote, Associate, Change, Create, SetField  # noqa: E402
from agents.crm import open_crm  # noqa: E402
from agents.crm.access import Access  # noqa: E402
from agents.crm.hubspot import HubspotCrm  # noqa: E402
from agents.documents import CrmReceipt, CrmUpdate, EntityRef  # noqa: E402

COMPANIES = 100


def update_for(number: int) -> CrmUpdate:
    """Ten changes: three records, two links, a note, and four fields that are changed afterwards."""
    domain = f"company-{number}.example"
    company, contact, deal = f"co:{domain}", f"ct:info@{domain}", f"dl:{domain}:r1"
    changes: tuple[Change, ...] = (
        Create(object="company", key=company, fields={"name": f"Company {number}", "domain": domain, "phone": "1"}),
        Create(object="contact", key=contact, fields={"email": f"info@{domain}", "name": "Anna Berg"}),
        Create(object="deal", key=deal, fields={"name": "Offer", "amount": "1150.00", "currency": "EUR"}),
        Associate(object="contact", key=contact, to_object="company", to_key=company),
        Associate(object="deal", key=deal, to_object="company", to_key=company),
        AddNote(key=f"nt:{number}", object="deal", about=deal, body="What was signed.\n" * 20),
        SetField(object="company", key=company, field="phone", before="1", after="2"),
        SetField(object="company", key=company, field="country", before=None, after="DE"),
        SetField(object="contact", key=contact, field="role", before=None, after="Head of sales"),
        SetField(object="deal", key=deal, field="stage", before=None, after="Proposal approved"),
    )
    return CrmUpdate(crm="hubspot:", entity=EntityRef(name=f"Company {number}", domain=domain), changes=changes)


def main() -> None:
    """Measure, print, and fail where something was written twice or a 429 was not waited for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=190, help="requests that the account may make in an interval")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds")
    terms = parser.parse_args()
    server = Server("hubspot_fake.py")
    try:
        measure(server, terms.limit, terms.interval)
    finally:
        server.stop()


def measure(server: Server, limit: int, interval: float) -> None:
    """Apply the updates once, then once more."""
    server.reset(limit=limit, interval=interval)
    crm = open_crm("hubspot:", access=Access(hubspot_token=lambda: TOKEN, hubspot_url=server.url))
    assert isinstance(crm, HubspotCrm)
    crm.set_up()
    caller = crm._portal.caller
    updates = [update_for(number) for number in range(COMPANIES)]
    before = len(server.calls())
    caller.waited, began = 0.0, time.monotonic()
    outcomes: Counter[str] = Counter()
    for update in updates:
        receipt = asyncio.run(apply_update(update, crm=crm, by="bench"))
        assert isinstance(receipt, CrmReceipt)
        outcomes.update(one.outcome for one in receipt.applied)
    seconds = time.monotonic() - began
    calls = server.calls()[before:]
    refused = sum(call.startswith("429") for call in calls)
    print(
        f"{sum(outcomes.values()):,} changes in {seconds:.1f} s, {len(calls):,} calls, limit {limit} in {interval:g} s"
    )
    print(f"  held back for {caller.waited:.1f} s by the headers; answers of 429: {refused}")
    print(f"  outcomes: {dict(outcomes)}")
    print(f"  in the account: {server.counts()}")
    crm.close()
    expected = {"companies": COMPANIES, "contacts": COMPANIES, "deals": COMPANIES, "notes": COMPANIES}
    assert outcomes == {"written": 10 * COMPANIES}
    assert server.counts() == {**expected, "links": 3 * COMPANIES}


if __name__ == "__main__":
    main()
