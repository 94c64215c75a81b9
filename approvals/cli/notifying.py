"""Commands that look after messages: which places are told, what came of it, another try, and a test."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, cast

import typer

from approvals.cli.counter import As, AsJson, Counter
from approvals.cli.terminal import note, refusing, say, say_json, say_table
from approvals.deliveries import Delivery, DeliveryState
from approvals.rendering import instant


class Standing(Enum):
    """How far a delivery has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


def register(app: typer.Typer, counter: Counter) -> None:
    """Add the commands."""
    app.add_typer(_notifications(counter), name="notifications")


def _notifications(counter: Counter) -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True, help="Messages: who is told, and what came of it.", pretty_exceptions_enable=False
    )

    @app.command("list")
    @refusing
    def listed(
        state: Annotated[list[Standing] | None, typer.Option("--state", help="Only these; may be repeated.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 50,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """Print the latest deliveries, newest first, and what is wrong with the file. For administrators."""
        with counter.session(who, owner=True) as at:
            states = cast("list[DeliveryState] | None", [one.value for one in state] if state else None)
            deliveries = at.approvals.notifications.listed(at.by, states=states, limit=limit)
            problem = at.approvals.notifications.overview(at.by).problem
        if as_json:
            say_json(list(deliveries))
        elif deliveries:
            say_table(("ID", "Event", "Request", "To", "State", "Tries", "Next", "Why not"), map(_row, deliveries))
        else:
            say("Nobody was told of anything yet.")
        if problem is not None:
            note(f"Nobody is notified: {problem}")

    @app.command("places")
    @refusing
    def places(as_json: AsJson = False, who: As = None) -> None:
        """Print the places that are told, without their addresses. For administrators."""
        with counter.session(who, owner=True) as at:
            overview = at.approvals.notifications.overview(at.by)
        if as_json:
            say_json(overview)
        elif overview.places:
            rows = (
                (one.name, one.kind, ", ".join(one.events), str(one.waiting), str(one.failed), one.last_error or "")
                for one in overview.places
            )
            say_table(("Place", "Kind", "Events", "Waiting", "Failed", "Why"), rows)
        elif overview.problem is None:
            say("No place is told of anything: there is nothing in notifications.toml.")
        if overview.problem is not None:
            note(f"Nobody is notified: {overview.problem}")

    @app.command("retry")
    @refusing
    def retry(delivery: Annotated[str, typer.Argument(metavar="ID", help="Of a delivery.")], who: As = None) -> None:
        """Send again what failed, at the queue's next round. For administrators."""
        with counter.session(who, owner=True) as at:
            again = at.approvals.notifications.retry(delivery, at.by)
        say(f"{again.id} is sent again to {again.target}.")

    @app.command("test")
    @refusing
    def test(
        place: Annotated[str, typer.Argument(metavar="PLACE", help="Its name, or `mail` for a mail to yourself.")],
        who: As = None,
    ) -> None:
        """Send a test to one place, now. For administrators."""
        with counter.session(who, owner=True) as at:
            number = at.approvals.notifications.test(place, at.by)
        say(f"{place} took the test {number}.")

    return app


def _row(one: Delivery) -> tuple[str, ...]:
    due = instant(one.next_at) if one.state == "pending" else ""
    return one.id, one.event, one.request_id, one.target, one.state, str(one.attempts), due, one.last_error or ""
