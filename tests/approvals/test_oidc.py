"""Sign-in through an identity provider: against a real server, and against what an attacker might send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from pydantic import SecretStr

from approvals import oidc
from approvals.errors import ApprovalError, ProviderFailed, SignInFailed
from approvals.oidc import OpenIdProvider, _Metadata

BACK = "http://queue.test/login/oidc/callback"
SECRET = "a secret: of the client/with+signs"


def now():
    return datetime.now(UTC)


@pytest.fixture
def make(identity_provider):
    def provider(issuer=identity_provider.issuer, client_id="queue", **terms):
        return OpenIdProvider(issuer, client_id, now, **{"client_secret": SecretStr(SECRET), **terms})

    return provider


@pytest.fixture
def ida(identity_provider):
    identity_provider.person(
        "ida-1", email="ida@acme.example", email_verified=True, name="Ida Roth", groups=["crm-sales", "canteen"]
    )
    return "ida-1"


def code_of(back):
    return parse_qs(urlsplit(back).query)["code"][0]


def through(process, provider, subject, *, nonce="n" * 64):
    back = process.consent(provider.start(BACK, "the state", nonce, "v" * 64), subject)
    return provider.finish(BACK, code_of(back), "n" * 64, "v" * 64)


# -- against a real server ---------------------------------------------------------------------------------------


def test_who_comes_back_is_whom_the_provider_describes(make, identity_provider, ida):
    found = through(identity_provider, make(), ida)

    assert (found.email, found.name, found.groups) == ("ida@acme.example", "Ida Roth", ("crm-sales", "canteen"))
    assert (found.issuer, found.subject) == (identity_provider.issuer, "ida-1")


def test_the_browser_is_sent_with_state_nonce_and_a_challenge_but_not_its_answer(make, identity_provider):
    address = make().start(BACK, "the state", "the nonce", "the verifier")

    asked = dict(parse_qsl(urlsplit(address).query))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"the verifier").digest()).rstrip(b"=").decode()
    assert address.startswith(f"{identity_provider.issuer}/oauth2/authorize?")
    assert asked == {
        "response_type": "code",
        "client_id": "queue",
        "redirect_uri": BACK,
        "scope": "openid email profile",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    assert SECRET not in address


def test_a_code_that_was_asked_for_by_another_sign_in_does_not_count(make, identity_provider, ida):
    with pytest.raises(ProviderFailed, match="nonce"):
        through(identity_provider, make(), ida, nonce="of another browser")


def test_a_code_counts_once(make, identity_provider, ida):
    provider = make()
    code = code_of(identity_provider.consent(provider.start(BACK, "s", "n", "v" * 64), ida))
    provider.finish(BACK, code, "n", "v" * 64)

    with pytest.raises(SignInFailed, match="used already"):
        provider.finish(BACK, code, "n", "v" * 64)


@pytest.mark.parametrize("code", ["", "made up", "é\0"])
def test_a_code_that_was_made_up_does_not_count(make, code):
    with pytest.raises((SignInFailed, ProviderFailed)):
        make().finish(BACK, code, "n", "v" * 64)


def test_a_code_for_another_client_does_not_count(make, identity_provider, ida):
    code = code_of(identity_provider.consent(make(client_id="other").start(BACK, "s", "n", "v" * 64), ida))

    with pytest.raises((SignInFailed, ProviderFailed)):
        make().finish(BACK, code, "n", "v" * 64)


@pytest.mark.parametrize("claims", [{}, {"email_verified": False}, {"email_verified": "no"}, {"email_verified": 1}])
def test_an_e_mail_that_nobody_verified_is_nobodys_unless_the_provider_is_trusted(make, identity_provider, claims):
    identity_provider.person("mallory", email="ada@acme.example", **claims)

    with pytest.raises(SignInFailed, match="verified"):
        through(identity_provider, make(), "mallory")
    assert through(identity_provider, make(trust_email=True), "mallory").email == "ada@acme.example"


@pytest.mark.parametrize(
    "email", [None, "", "no address", "two@signs@acme.example", "a b@acme.example", ["a@b.example"]]
)
def test_what_is_no_e_mail_is_nobodys(make, identity_provider, email):
    identity_provider.person("odd", email=email, email_verified=True)

    with pytest.raises(SignInFailed):
        through(identity_provider, make(), "odd")


@pytest.mark.parametrize(
    ("claim", "given", "groups"),
    [
        ("groups", {"groups": ["a", 1, None, "b"]}, ("a", "b")),
        ("groups", {"groups": "a"}, ("a",)),
        ("groups", {}, ()),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, ("a",)),
        ("cognito:groups", {"cognito:groups": ["a"]}, ("a",)),
        ("https://acme.example/groups", {"https://acme.example/groups": ["a"]}, ("a",)),
    ],
)
def test_groups_stand_where_the_setting_says(make, identity_provider, claim, given, groups):
    identity_provider.person("grouped", email="g@acme.example", email_verified=True, **given)

    assert through(identity_provider, make(groups_claim=claim), "grouped").groups == groups


def test_a_registered_client_shows_its_secret(strict_provider):
    strict_provider.person("ida-1", email="ida@acme.example", email_verified=True)
    client_id, secret = strict_provider.register(BACK)
    right, wrong = (
        OpenIdProvider(strict_provider.issuer, client_id, now, client_secret=SecretStr(one)) for one in (secret, "no")
    )

    assert through(strict_provider, right, "ida-1").email == "ida@acme.example"
    with pytest.raises(ProviderFailed, match="APPROVALS_OIDC_CLIENT_SECRET") as caught:
        through(strict_provider, wrong, "ida-1")
    assert secret not in str(caught.value)


def test_a_client_that_the_provider_does_not_know_cannot_come_back(strict_provider):
    unknown = OpenIdProvider(strict_provider.issuer, "queue", now, client_secret=SecretStr(SECRET))

    with pytest.raises(ProviderFailed, match="does not know this queue"):
        unknown.finish(BACK, "a code", "n", "v")


def test_a_provider_that_is_down_is_told_in_a_sentence(make):
    with pytest.raises(ProviderFailed, match=r"does not answer.*password or a sign-in link"):
        make(issuer="http://127.0.0.1:9").start(BACK, "s", "n", "v")


def test_an_address_that_is_no_provider_is_told_in_a_sentence(make, identity_provider):
    with pytest.raises(ProviderFailed):
        make(issuer=f"{identity_provider.issuer}/users").start(BACK, "s", "n", "v")


def test_an_answer_in_another_providers_name_is_not_believed(make, identity_provider):
    with pytest.raises(ProviderFailed, match="Another identity provider"):
        make().finish(BACK, "code", "n", "v", issuer="https://evil.example")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"issuer": "https://evil.example"}, "says that it is"),
        ({"token_endpoint": "http://id.example/t"}, "https://"),
        ({"authorization_endpoint": None}, "describe itself"),
        ({"jwks_uri": "javascript:alert(1)"}, "https://"),
    ],
)
def test_a_provider_that_does_not_describe_itself_properly_is_not_used(monkeypatch, changes, sentence):
    told = {**METADATA.model_dump(), **changes}
    answers = httpx.MockTransport(lambda _: httpx.Response(200, json=told))
    monkeypatch.setattr(oidc, "_client", lambda: httpx.Client(transport=answers))

    with pytest.raises(ApprovalError, match=sentence):
        OpenIdProvider("https://id.example", "queue", now).start(BACK, "s", "n", "v")


def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(monkeypatch):
    sent = []

    def answer(request):
        sent.append(request)
        told = {**METADATA.model_dump(), "token_endpoint_auth_methods_supported": ["client_secret_post"]}
        return httpx.Response(200, json=told if request.method == "GET" else {"error": "invalid_grant"})

    monkeypatch.setattr(oidc, "_client", lambda: httpx.Client(transport=httpx.MockTransport(answer)))
    provider = OpenIdProvider("https://id.example", "queue", now, client_secret=SecretStr(SECRET))

    with pytest.raises(SignInFailed):
        provider.finish(BACK, "code", "n", "v")

    form = dict(parse_qsl(sent[-1].content.decode()))
    assert (form["client_id"], form["client_secret"], form["code_verifier"]) == ("queue", SECRET, "v")
    assert "authorization" not in sent[-1].headers


def test_what_it_says_of_itself_is_asked_for_once_an_hour(identity_provider):
    moment = [now()]
    provider = OpenIdProvider(identity_provider.issuer, "queue", lambda: moment[0])
    provider.start(BACK, "s", "n", "v")
    kept = provider._metadata

    provider.start(BACK, "s", "n", "v")
    assert provider._metadata is kept
    moment[0] += timedelta(hours=1)
    provider.start(BACK, "s", "n", "v")
    assert provider._metadata is not kept


@pytest.mark.parametrize("issuer", ["http://id.example", "ftp://id.example", "id.example", "", "https://"])
def test_a_provider_that_is_not_reached_in_private_is_refused(issuer):
    with pytest.raises(ApprovalError, match="https://"):
        OpenIdProvider(issuer, "queue", now)


def test_its_secret_is_not_printed(make):
    assert SECRET not in repr(make().__dict__)


# -- what an attacker might send ---------------------------------------------------------------------------------

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
METADATA = _Metadata(
    issuer="https://id.example",
    authorization_endpoint="https://id.example/a",
    token_endpoint="https://id.example/t",
    jwks_uri="https://id.example/k",
)


def claims(**changes):
    at = int(now().timestamp())
    usual = {
        "iss": "https://id.example", "aud": "queue", "sub": "1", "nonce": "n", "iat": at, "exp": at + 300,
    }  # fmt: skip
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def unsigned(body, alg="none"):
    parts = ({"alg": alg, "kid": "one"}, body)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + "."


def sealed(body, secret):
    """By hand: the library refuses to make it."""
    text = unsigned(body, "HS256").rstrip(".")
    mac = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def signed(body, key=KEY, alg="RS256", kid="one"):
    return jwt.encode({"alg": alg, "kid": kid}, body, key, algorithms=[alg])


@pytest.fixture
def verified():
    def verify(token):
        provider = OpenIdProvider("https://id.example", "queue", now, client_secret=SecretStr(SECRET))
        provider._keys = (now(), KeySet.import_key_set({"keys": [KEY.as_dict(private=False)]}))
        with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(503))) as client:
            return provider._verified(client, METADATA, token, "n")

    return verify


@pytest.mark.parametrize("changes", [{}, {"aud": ["queue"]}, {"aud": ["queue", "x"], "azp": "queue"}, {"email": "e"}])
def test_what_the_provider_signed_for_us_is_believed(verified, changes):
    assert verified(signed(claims(**changes)))["sub"] == "1"


AT = 1_700_000_000
FORGED = {
    "another issuer": lambda: signed(claims(iss="https://evil.example")),
    "an issuer that begins the same": lambda: signed(claims(iss="https://id.example.evil.example")),
    "another client": lambda: signed(claims(aud="other")),
    "other clients": lambda: signed(claims(aud=["other", "queue-2"])),
    "made out to another client": lambda: signed(claims(aud=["queue", "other"], azp="other")),
    "expired": lambda: signed(claims(iat=AT, exp=AT + 300)),
    "of the future": lambda: signed(claims(iat=int(now().timestamp()) + 3_600, exp=int(now().timestamp()) + 7_200)),
    "another nonce": lambda: signed(claims(nonce="m")),
    "no nonce": lambda: signed(claims(nonce=None)),
    "no subject": lambda: signed(claims(sub=None)),
    "no end": lambda: signed(claims(exp=None)),
    "no audience": lambda: signed(claims(aud=None)),
    "no issuer": lambda: signed(claims(iss=None)),
    "another key": lambda: signed(claims(), OTHER),
    "an unknown key": lambda: signed(claims(), OTHER, kid="two"),
    "no signature": lambda: unsigned(claims()),
    "no signature, another spelling": lambda: unsigned(claims(), "None"),
    "the client's secret": lambda: signed(claims(), OctKey.import_key(SECRET), "HS256"),
    "the public key as a secret": lambda: sealed(claims(), KEY.as_pem(private=False)),
    "changed after": lambda: signed(claims()).replace(".", ".e30", 1),
    "nothing": lambda: None,
    "no token": lambda: "a.b.c",
    "no object": lambda: "e30.W10.AA",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*:joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("forged", FORGED)
def test_nothing_else_is(verified, forged):
    with pytest.raises(ProviderFailed, match=r"cannot be believed|does not answer|answered with an error"):
        verified(FORGED[forged]())
