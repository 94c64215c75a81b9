"""Sign-in through an identity provider: OpenID Connect, authorization code with PKCE and nonce."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, SecretStr, ValidationError

from approvals.errors import ApprovalError, ProviderFailed, SignInFailed
from approvals.ports import Clock, Described

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that only the provider can make; nothing that a client's secret or nobody at all could."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_KEPT = timedelta(hours=1)
_SECONDS = 10.0
_LEEWAY = 60
_ELSEWHERE = "Sign in with a password or a sign-in link, or try again later."


class _Metadata(BaseModel):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class OpenIdProvider:
    """One provider, found by its issuer's address."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        clock: Clock,
        *,
        client_secret: SecretStr | None = None,
        scopes: str = "openid email profile",
        groups_claim: str = "groups",
        trust_email: bool = False,
    ) -> None:
        _check_private(issuer, "APPROVALS_OIDC_ISSUER")
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._scopes = scopes
        self._groups_claim = groups_claim
        self._trust_email = trust_email
        self._metadata: tuple[datetime, _Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def start(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """The address to send the browser to; it comes back to the address `back`.

        Raises:
            ProviderFailed: the provider does not answer, or is another one than it was said to be.
        """
        with _client() as client:
            endpoint = self._described(client).authorization_endpoint
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": self._scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    def finish(self, back: str, code: str, nonce: str, verifier: str, *, issuer: str | None = None) -> Described:
        """Who came back with this code, and with the name of this issuer if it told one.

        Raises:
            ProviderFailed: the provider does not answer, does not know this queue, or answers what cannot be believed.
            SignInFailed: the code does not count, or the provider does not vouch for an e-mail.
        """
        with _client() as client:
            metadata = self._described(client)
            if issuer not in (None, metadata.issuer):
                raise ProviderFailed("Another identity provider answered than the one that was asked. Begin again.")
            tokens = self._redeemed(client, metadata, back, code, verifier)
            claims = self._verified(client, metadata, tokens.get("id_token"), nonce)
            more: dict[str, Any] = {}
            wanting = self._email((claims,)) is None or _at(claims, self._groups_claim) is None
            if wanting and metadata.userinfo_endpoint and isinstance(tokens.get("access_token"), str):
                more = self._userinfo(client, metadata.userinfo_endpoint, tokens["access_token"], claims["sub"])
        email = self._email((claims, more))
        if email is None:
            raise SignInFailed(
                "The identity provider does not say that it has verified your e-mail address, so you are not let in."
            )
        groups = next((found for one in (claims, more) if (found := _at(one, self._groups_claim)) is not None), ())
        name = next((one["name"] for one in (claims, more) if isinstance(one.get("name"), str)), "")
        return Described(
            email=email,
            name=name,
            groups=_texts(groups),
            issuer=metadata.issuer,
            subject=claims["sub"],
        )

    # -- inside --------------------------------------------------------------------------------------------------

    def _described(self, client: httpx.Client) -> _Metadata:
        now = self._clock()
        if self._metadata is not None and now - self._metadata[0] < _KEPT:
            return self._metadata[1]
        answer = _asked(client, "GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            found = _Metadata.model_validate(answer)
        except ValidationError as error:
            raise ProviderFailed(
                f"The identity provider does not describe itself as it should. {_ELSEWHERE}"
            ) from error
        if found.issuer.rstrip("/") != self.issuer.rstrip("/"):
            raise ProviderFailed(
                f"The identity provider says that it is {found.issuer!r}, and not APPROVALS_OIDC_ISSUER. {_ELSEWHERE}"
            )
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint):
            if address is not None:
                _check_private(address, "an address of the identity provider")
        self._metadata = (now, found)
        return found

    def _redeemed(
        self, client: httpx.Client, metadata: _Metadata, back: str, code: str, verifier: str
    ) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {}
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # Percent-encoded first, as RFC 6749 has it: a colon may stand in either.
            named, secret = quote(self._client_id, safe=""), quote(self._client_secret.get_secret_value(), safe="")
            headers["Authorization"] = "Basic " + base64.b64encode(f"{named}:{secret}".encode()).decode()
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret.get_secret_value()}
        answer = _asked(client, "POST", metadata.token_endpoint, data=form, headers=headers, refusable=True)
        match answer.get("error"):
            case None:
                return answer
            case "invalid_grant":
                raise SignInFailed("This sign-in was used already, or took too long. Begin again.")
            case "invalid_client" | "unauthorized_client":
                raise ProviderFailed(
                    "The identity provider does not know this queue: APPROVALS_OIDC_CLIENT_ID and "
                    f"APPROVALS_OIDC_CLIENT_SECRET are not what it has. {_ELSEWHERE}"
                )
            case other:
                raise ProviderFailed(f"The identity provider refused ({str(other)[:60]!r}). {_ELSEWHERE}")

    def _verified(self, client: httpx.Client, metadata: _Metadata, id_token: Any, nonce: str) -> dict[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": metadata.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
            azp={"value": self._client_id},
        )
        try:
            token = self._decoded(client, metadata, str(id_token))
            registry.validate(token.claims)
        except (JoseError, ValueError) as error:
            # Its words name a claim or a key, never a value.
            raise ProviderFailed(
                f"What the identity provider sent cannot be believed ({error}). Begin again."
            ) from error
        return token.claims

    def _decoded(self, client: httpx.Client, metadata: _Metadata, id_token: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, self._key_set(client, metadata), algorithms=list(_ALGORITHMS))
        except InvalidKeyIdError:
            # Keys change: one that came since is looked for once.
            self._keys = None
            return jwt.decode(id_token, self._key_set(client, metadata), algorithms=list(_ALGORITHMS))

    def _key_set(self, client: httpx.Client, metadata: _Metadata) -> KeySet:
        now = self._clock()
        if self._keys is not None and now - self._keys[0] < _KEPT:
            return self._keys[1]
        answer: Any = _asked(client, "GET", metadata.jwks_uri)
        try:
            keys = KeySet.import_key_set(answer)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderFailed(f"The keys of the identity provider cannot be read. {_ELSEWHERE}") from error
        self._keys = (now, keys)
        return keys

    def _userinfo(self, client: httpx.Client, address: str, token: str, subject: str) -> dict[str, Any]:
        more = _asked(client, "GET", address, headers={"Authorization": f"Bearer {token}"})
        if more.get("sub") != subject:
            raise ProviderFailed("The identity provider described somebody else than it let in. Begin again.")
        return more

    def _email(self, sources: Iterable[dict[str, Any]]) -> str | None:
        """The first e-mail that counts; that it was verified must be said where it stands."""
        for claims in sources:
            email, said = claims.get("email"), claims.get("email_verified")
            verified = said is True or said == "true"  # as some providers write it
            if isinstance(email, str) and _EMAIL.fullmatch(email) and (verified or self._trust_email):
                return email
        return None


def _client() -> httpx.Client:
    return httpx.Client(timeout=_SECONDS, headers={"Accept": "application/json"})


def _asked(client: httpx.Client, method: str, address: str, *, refusable: bool = False, **terms: Any) -> dict[str, Any]:
    try:
        response = client.request(method, address, **terms)
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        told = f"The identity provider does not answer ({type(error).__name__}). {_ELSEWHERE}"
        raise ProviderFailed(told) from error
    if not isinstance(answer, dict) or (response.is_error and not (refusable and "error" in answer)):
        raise ProviderFailed(
            f"The identity provider does not answer as it should ({response.status_code}). {_ELSEWHERE}"
        )
    return answer


def _at(claims: dict[str, Any], name: str) -> Any:
    """A claim by its name, or by the path to it, such as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _texts(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list | tuple) else (value,)
    return tuple(one for one in listed if isinstance(one, str))


def _check_private(address: str, what: str) -> None:
    parts = urlsplit(address)
    try:
        local = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = parts.hostname == "localhost"
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and local)):
        raise ApprovalError(f"{what} is {address!r}; it must begin with https://, or be on this machine.")
