"""Commands about how people come in with a browser: sign-in links and sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from approvals.cli.counter import As, AsJson, Counter
from approvals.cli.terminal import note, refusing, say, say_json, say_table
from approvals.rendering import instant
from approvals.tickets import HOURS


def register(app: typer.Typer, counter: Counter) -> None:
    """Add the commands."""
    app.add_typer(_sessions(counter), name="sessions")

    @app.command("link")
    @refusing
    def link(
        email: Annotated[str, typer.Argument(help="Whom it signs in.")],
        hours: Annotated[int, typer.Option("--hours", min=1, help="How long it is valid.")] = HOURS,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """Make a link that signs a person in, once. For administrators, and whoever owns the home."""
        with counter.session(who, owner=True) as at:
            made = at.approvals.tickets.make(email, at.by, hours=hours)
            address = at.approvals.settings.address + made.path
            if as_json:
                say_json(
                    {"person": made.ticket.person, "expires_at": made.ticket.expires_at.isoformat(), "link": address}
                )
                return
            note(f"Signs {made.ticket.person} in, once, until {instant(made.ticket.expires_at)}. Earlier links ended.")
            say(address)


def _sessions(counter: Counter) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Who is signed in.", pretty_exceptions_enable=False)

    @app.command("list")
    @refusing
    def listing(as_json: AsJson = False, who: As = None) -> None:
        """List the sessions that still count. For administrators."""
        with counter.session(who, owner=True) as at:
            sessions = at.approvals.sessions.listed(at.by)
            if as_json:
                say_json([one.model_dump(mode="json", exclude={"sha256"}) for one in sessions])
                return
            rows = [
                (one.id, one.person, one.proof, instant(one.created_at), instant(one.seen_at), one.agent)
                for one in sessions
            ]
            say_table(("ID", "PERSON", "BY", "SINCE", "LAST USED", "BROWSER"), rows)

    @app.command("revoke")
    @refusing
    def revoke(
        session: Annotated[str, typer.Argument(metavar="ID", help="Id of a session, or the e-mail of a person.")],
        who: As = None,
    ) -> None:
        """End a session now, or all of a person's. For administrators, and for one's own."""
        with counter.session(who, owner=True) as at:
            if "@" in session:
                ended = at.approvals.sessions.revoke_all(session, at.by)
                say(f"Ended {ended} session{'' if ended == 1 else 's'} of {session}.")
            else:
                found = at.approvals.sessions.revoke(session, at.by)
                say(f"Ended {found.id} of {found.person}.")

    return app
