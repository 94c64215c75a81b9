"""Commands that look after the queue: its record, tokens, people, policies and data."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from approvals.audit import Event, lines
from approvals.bootstrap import Approvals, policies_of
from approvals.cli.counter import As, AsJson, Counter, RequestId, Session
from approvals.cli.terminal import note, refusing, say, say_json, say_table
from approvals.decisions import Scope
from approvals.errors import ApprovalError, PeopleError, PolicyError
from approvals.people import add_person
from approvals.policies import Policies, Policy
from approvals.ports import Person
from approvals.rendering import instant
from approvals.views import minted_view, token_view


class Subject(Enum):
    """Whom a token is for."""

    PERSON = "person"
    AGENT = "agent"
    WORKER = "worker"


class Reach(Enum):
    """What a token reaches."""

    READ = "read"
    DECIDE = "decide"
    GATE = "gate"
    ADMIN = "admin"


def register(app: typer.Typer, counter: Counter) -> None:
    """Add the commands."""
    for name, made in (("audit", _audit), ("token", _token), ("people", _people), ("policies", _policies)):
        app.add_typer(made(counter), name=name)

    @app.command("backup")
    @refusing
    def backup(file: Annotated[Path, typer.Argument(help="Where to; nothing is overwritten.")], who: As = None) -> None:
        """Write a consistent copy of the queue, which can be opened as a store."""
        with counter.session(who, owner=True) as at:
            at.approvals.service.authority.check_admin(at.by)
            at.approvals.store.backup(str(file))
            say(f"Wrote {file}.")

    @app.command("erase")
    @refusing
    def erase(request_id: RequestId, who: As = None) -> None:
        """Remove for good what an answered request says of anybody; the record still verifies."""
        with counter.session(who) as at:
            request = at.reading.found(request_id, at.by)
            columns = at.approvals.service.erase(request.id, at.by)
            say(f"Erased from {request.id}: {', '.join(columns)}.")


def _group(help_: str) -> typer.Typer:
    return typer.Typer(no_args_is_help=True, help=help_, pretty_exceptions_enable=False)


# -- the record --------------------------------------------------------------------------------------------------


def _audit(counter: Counter) -> typer.Typer:
    app = _group("The record: who did what, and whether anybody changed it since.")

    @app.command("log")
    @refusing
    def log(
        request: Annotated[str | None, typer.Option("--request", metavar="ID", help="Only about this one.")] = None,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """Print the record in order."""
        with counter.session(who, owner=True) as at:
            at.approvals.service.authority.check_admin(at.by)
            about = None if request is None else at.reading.found(request, at.by).id
            entries = at.approvals.store.entries(request_id=about)
            if as_json:
                say_json(list(entries))
                return
            for line in lines(entries):
                say(line)

    @app.command("verify")
    @refusing
    def verification(
        head: Annotated[
            str | None,
            typer.Option("--head", metavar="HASH", help="A head that you noted elsewhere; shows a cut-off end."),
        ] = None,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """Walk the record and hold every row against it."""
        with counter.session(who, owner=True) as at:
            at.approvals.service.authority.check_admin(at.by)
            shown = at.approvals.ledger.verify(head)
        if as_json:
            told = {name: getattr(shown, name) for name in ("ok", "entries", "rows", "head", "problem", "entry")}
            say_json(told)
        elif shown.ok:
            say(f"The record fits: {shown.entries} entries, {shown.rows} rows, head {shown.head}.")
        else:
            note(shown.problem or "")
        if not shown.ok:
            raise typer.Exit(1)

    return app


# -- tokens ------------------------------------------------------------------------------------------------------


def _token(counter: Counter) -> typer.Typer:
    app = _group("Tokens, for people and machines that come from elsewhere.")

    @app.command("create")
    @refusing
    def create(
        subject: Annotated[str, typer.Argument(help="E-mail of a person, or the name of a worker or an agent.")],
        kind: Annotated[Subject, typer.Option("--kind", help="Who it is for.")] = Subject.PERSON,
        scope: Annotated[
            list[Reach] | None, typer.Option("--scope", help="read, if not said; may be repeated.")
        ] = None,
        label: Annotated[str, typer.Option("--label", help="What it is for.")] = "",
        days: Annotated[int | None, typer.Option("--days", min=1, help="How long it is valid.")] = None,
        as_json: AsJson = False,
        who: As = None,
    ) -> None:
        """Make a token and print its secret, which nobody can see again. For administrators.

        The first token of a queue on a server needs none: whoever can open its store can make it.
        """
        scopes: list[Scope] = [one.value for one in scope or [Reach.READ]]
        with counter.session(who, founding=True) as at:
            minted = at.approvals.tokens.create(
                subject,
                at.by,
                kind=kind.value,
                scopes=scopes,
                label=label,
                days=days,
            )
            if as_json:
                say_json(minted_view(minted.token, minted.secret))
                return
            ends = instant(minted.token.expires_at) if minted.token.expires_at else "never"
            note(f"Token {minted.token.id} for {minted.token.subject}, valid until {ends}. Keep it; it is shown once:")
            say(minted.secret)

    @app.command("list")
    @refusing
    def listing(as_json: AsJson = False, who: As = None) -> None:
        """List the tokens, without their secrets. For administrators."""
        with counter.session(who, owner=True) as at:
            tokens = at.approvals.tokens.listed(at.by)
            if as_json:
                say_json([token_view(token) for token in tokens])
                return
            now = at.approvals.clock()
            rows = []
            for token in tokens:
                over = token.expires_at is not None and token.expires_at <= now
                state = "revoked" if token.revoked_at else "expired" if over else "valid"
                used = instant(token.last_used_at) if token.last_used_at else "never"
                rows.append(
                    (token.id, token.kind, token.subject, ",".join(sorted(token.scopes)), state, used, token.label)
                )
            say_table(("ID", "KIND", "SUBJECT", "SCOPES", "STATE", "LAST USED", "LABEL"), rows)

    @app.command("revoke")
    @refusing
    def revoke(
        token_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token, from `token list`.")],
        who: As = None,
    ) -> None:
        """End a token now. For administrators."""
        with counter.session(who) as at:
            token = at.approvals.tokens.revoke(token_id, at.by)
            say(f"Revoked {token.id} of {token.subject}.")

    return app


# -- people ------------------------------------------------------------------------------------------------------


def _people(counter: Counter) -> typer.Typer:
    app = _group("Who may take part, and in which groups.")

    @app.command("list")
    @refusing
    def listing(as_json: AsJson = False, who: As = None) -> None:
        """List the people."""
        with counter.session(who, owner=True) as at:
            people = at.approvals.directory.people()
            if as_json:
                say_json(people)
                return
            rows = [
                (one.email, one.name, ", ".join(one.groups), one.role, "active" if one.active else "not active")
                for one in people
            ]
            say_table(("EMAIL", "NAME", "GROUPS", "ROLE", "STATE"), rows)

    @app.command("add")
    @refusing
    def add(
        email: str,
        name: Annotated[str, typer.Option("--name")] = "",
        group: Annotated[
            list[str] | None, typer.Option("--group", help="A group they are in; may be repeated.")
        ] = None,
        role: Annotated[str, typer.Option("--role", help="viewer, reviewer or admin.")] = "reviewer",
        who: As = None,
    ) -> None:
        """Add a person to people.toml, keeping what it says."""
        with counter.session(who, owner=True) as at:
            at.approvals.service.authority.check_admin(at.by)
            if "@" not in email:
                raise PeopleError(f"{email!r} is not an e-mail address.")
            person = Person.model_validate({"email": email, "name": name, "groups": tuple(group or ()), "role": role})
            path = at.approvals.settings.people
            add_person(path, person)
            _record_added(at, person)
            say(f"Added {person.email} to {path}.")

    return app


def _record_added(at: Session, person: Person) -> None:
    facts = {"person": person.email, "groups": list(person.groups), "role": person.role}
    by, now = at.by, at.approvals.clock()
    with at.approvals.store.begin() as transaction:
        transaction.record(
            Event(name="person.added", actor_kind=by.kind, actor=by.id, via=by.via, at=now, details=facts)
        )


# -- policies ----------------------------------------------------------------------------------------------------


def _policies(counter: Counter) -> typer.Typer:
    app = typer.Typer(
        invoke_without_command=True,
        help="The terms of each gate: who is asked, how many must sign, and what happens when nobody does.",
        pretty_exceptions_enable=False,
    )

    @app.callback()
    @refusing
    def terms(context: typer.Context, as_json: AsJson = False, who: As = None) -> None:
        """Print the terms as they read now."""
        if context.invoked_subcommand is not None:
            return
        with counter.session(who, owner=True) as at:
            policies = at.approvals.policies()
            if as_json:
                say_json(policies)
                return
            for policy in policies.policies.values():
                say(f"{policy.name} ({policy.version})")
                say("\n".join(f"  {line}" for line in _terms(policy)))

    @app.command("check")
    @refusing
    def check(
        file: Annotated[Path | None, typer.Argument(help="A file to try; those in use, if not said.")] = None,
        who: As = None,
    ) -> None:
        """Say whether the policies can be used, with the people there are now."""
        with counter.session(who, owner=True) as at:
            policies = policies_of(file)() if file is not None else at.approvals.policies()
            problems = _problems(at.approvals, policies)
            if problems:
                raise PolicyError(" ".join(problems))
            say(f"{len(policies.policies)} policies of {policies.source} can be used: {', '.join(policies.policies)}.")

    return app


def _problems(approvals: Approvals, policies: Policies) -> list[str]:
    found = []
    for policy in policies.policies.values():
        try:
            # A requester who is nobody here: whoever asks, these people are left.
            approvals.service.authority.check_terms(policy, "anybody else")
        except ApprovalError as error:
            found.append(str(error))
    return found


def _terms(policy: Policy) -> list[str]:
    told = policy.model_dump(mode="json", exclude={"name", "version"})
    told |= {name: _span(told[name]) for name in ("due", "claim", "recall")}
    told["editors"] = "all who may decide" if policy.editors is None else told["editors"]
    return [f"{name}: {_said(value)}" for name, value in told.items()]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(value) or "nobody") if isinstance(value, list) else str(value)


def _span(seconds: int) -> str:
    """A duration as a policy file says it."""
    units = ((86_400, "d"), (3_600, "h"), (60, "m"))
    fits = ((seconds // size, unit) for size, unit in units if seconds and seconds % size == 0)
    number, unit = next(fits, (seconds, "s"))
    return f"{number}{unit}"
