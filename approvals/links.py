"""Signed links: one person may decide one version of one request, for a while, without signing in.

A link is `KEY.CLAIMS.SIGNATURE`. Reading it changes nothing; what it allows is used up by the decision it makes, in
that decision's transaction (`Ledger.move`), and by no refusal.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from approvals.decisions import Actor, Grant, UtcDatetime, Value
from approvals.errors import LinkExpired, LinkInvalid, LinkKeyError
from approvals.lifecycle import Action
from approvals.ports import Clock
from approvals.requests import Request

LONGEST = timedelta(hours=72)
"""How long a link may decide at most."""

_SHAPE = re.compile(r"([0-9a-f]{8})\.([A-Za-z0-9_-]{16,1600})\.([A-Za-z0-9_-]{43})")
_LETTERS = {"a": Action.APPROVE, "j": Action.REJECT, "b": Action.RETURN}


class Link(Value):
    """What a signed link says, once its signature was found to be ours."""

    key: str
    request_id: str
    version: int
    person: str
    actions: frozenset[Action]
    expires_at: UtcDatetime
    nonce: str

    @property
    def handle(self) -> str:
        """Names the link where the link itself must not stand, such as in an address bar."""
        return sha256(f"handle:{self.nonce}".encode()).hexdigest()[:16]


class Links:
    """Makes and reads links. The newest key signs; every key that is still listed is believed."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], clock: Clock, *, lasts: timedelta = LONGEST) -> None:
        self._keys = keys
        self._clock = clock
        self._lasts = min(lasts, LONGEST)

    def make(self, request: Request, person: str, *, occasion: str = "", at: datetime | None = None) -> str:
        """A link by which this person decides this version of the request.

        For the same occasion it is the same link whenever it is made: a message that is sent again carries no second
        one. `at` is when its time begins to run; now, if not said.

        Raises:
            LinkKeyError: there is no key that could sign it.
        """
        key = self._named()[0]
        said = f"nonce:{occasion}:{request.id}:{person.casefold()}" if occasion else ""
        nonce = _text(_mac(key, said)[:16]) if occasion else secrets.token_urlsafe(16)
        claims = [
            request.id,
            request.version,
            person,
            "".join(_LETTERS),
            int(((at or self._clock()) + self._lasts).timestamp()),
            nonce,
        ]
        named = f"{key_name(key)}.{_text(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{named}.{_text(_mac(key, f'link:{named}'))}"

    def read(self, token: str) -> Link:
        """What the link says, whether or not its time is over.

        Raises:
            LinkInvalid: it was altered or cut off, or its key is not listed any more.
        """
        shape = _SHAPE.fullmatch(token)
        if shape is None:
            raise LinkInvalid
        name, claims, signature = shape.groups()
        key = self._key(name)
        # The text is compared, not what it decodes to: so there is one way to write a link, and no other.
        if not hmac.compare_digest(_text(_mac(key, f"link:{name}.{claims}")), signature):
            raise LinkInvalid
        request_id, version, person, letters, expires, nonce = json.loads(_bytes(claims))
        return Link(
            key=name,
            request_id=request_id,
            version=version,
            person=person,
            actions=frozenset(_LETTERS[letter] for letter in letters),
            expires_at=datetime.fromtimestamp(expires, UTC),
            nonce=nonce,
        )

    def actor(self, link: Link, *, signed_in: bool = False) -> Actor:
        """The person as whom the link acts; `signed_in`: the same person has a session there as well.

        Raises:
            LinkExpired: its time is over.
        """
        if link.expires_at <= self._clock():
            raise LinkExpired
        return self.reader(link, signed_in=signed_in)

    def reader(self, link: Link, *, signed_in: bool = False) -> Actor:
        """The same, to be shown what became of the request; refused to nobody."""
        grant = Grant(request_id=link.request_id, actions=link.actions, nonce=link.nonce, signed_in=signed_in)
        return Actor(kind="person", id=link.person, via="link", scopes=frozenset({"decide"}), grant=grant)

    def form_secret(self, link: Link) -> str:
        """What a form on the link's own page sends back, and no other page can know."""
        return _text(_mac(self._key(link.key), f"form:{link.nonce}"))

    def is_over(self, link: Link) -> bool:
        """Whether the link is too old to decide by."""
        return link.expires_at <= self._clock()

    # -- keys ----------------------------------------------------------------------------------------------------

    def _named(self) -> Sequence[bytes]:
        keys = self._keys()
        if not keys:
            raise LinkKeyError("There is no key to sign links with.")
        return keys

    def _key(self, name: str) -> bytes:
        for key in self._named():
            if hmac.compare_digest(key_name(key), name):
                return key
        raise LinkInvalid


def key_name(key: bytes) -> str:
    """What a key is called in the links that it signs; tells nothing of the key."""
    return sha256(b"countersign link key:" + key).hexdigest()[:8]


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, f"countersign:{text}".encode(), "sha256")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
