"""OAuth and OpenID Connect against a real provider (NanoIDP, started here), every grant; and against lying ones."""

import asyncio
import base64
import io
import json
import re
import urllib.parse
import urllib.request
from contextlib import redirect_stderr

import jwt as pyjwt
import pytest
from joserfc import jwk
from provider import provider
from test_http_login import answering

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.configured import configured
from crosstalk.auth.discovery import Provider
from crosstalk.auth.exchange import Exchange
from crosstalk.auth.jwks import KeySet
from crosstalk.auth.minted import Minted, key_for
from crosstalk.auth.oauth import OAuth


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("provider")) as found:
        yield found


@pytest.fixture
def passwords(tmp_path):
    (tmp_path / "passwords").write_text("alice password-of-alice\nbob password-of-bob\n")
    return tmp_path


SECRET = {"CROSSTALK_CLIENT_SECRET": "client-secret-of-smoke"}


def play(source, *coroutines):
    """Run each step of a log-in one after the other, and close."""

    async def steps():
        try:
            found = []
            for step in coroutines:
                found.append(await step(found))
            return found
        finally:
            await source.close()

    return asyncio.run(steps())


def claims(credential):
    [(name, value)] = credential.headers
    assert name == "Authorization"
    return pyjwt.decode(value.removeprefix("Bearer "), options={"verify_signature": False})


def test_password_grant_refresh_and_revocation(issuer, passwords):
    text = f"oauth:{issuer} grant=password client_id=smoke 'scope=openid offline_access' passwords_file=passwords"
    found = configured(text + " verify=true", environ=SECRET, folder=passwords)
    assert set(found.users) == {"alice", "bob"}
    assert {"client-secret-of-smoke", "password-of-alice", "password-of-bob"} <= set(found.secrets)
    carried = found.authenticator

    async def revoked(done):
        token = carried.token_of(done[2])
        await carried.source.revoke("alice", token)
        return token

    alice, bob, again, token = play(
        carried,
        lambda _: carried.login("alice"),
        lambda _: carried.login("bob"),
        lambda done: carried.refresh(done[0]),
        revoked,
    )
    assert [claims(credential)["sub"] for credential in (alice, bob, again)] == ["alice", "bob", "alice"]
    assert claims(alice)["jti"] != claims(again)["jti"]
    assert again.expires == claims(again)["exp"]
    assert len(alice.secrets) == 3  # access, refresh and ID token
    form = urllib.parse.urlencode({"token": token.value}).encode()
    request = urllib.request.Request(f"{issuer}/introspect", form, carried.source._headers("alice"))
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {"active": False}


def test_client_credentials_a_client_a_user_and_marks_in_the_secret(issuer):
    found = configured(f"oauth:{issuer} client_id={{user}}", environ=SECRET)
    [alice] = play(found.authenticator, lambda _: found.authenticator.login("alice"))
    assert claims(alice)["client_id"] == "alice"
    for client_auth, client_id in (("basic-plain", "strange client"), ("form", "in a form")):
        source = OAuth(
            Provider(issuer), client_id=client_id, client_secret="a secret/with %41 + marks", client_auth=client_auth
        )
        [token] = play(source, lambda _, source=source: source.issue("anybody"))
        assert pyjwt.decode(token.value, options={"verify_signature": False})["client_id"] == client_id


def test_a_secret_with_marks_is_form_encoded_before_it_is_joined():
    """RFC 6749 section 2.3.1: what the provider decodes is what was given, colons and all."""

    def answer(request):
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        halves = [urllib.parse.unquote_plus(half) for half in pair.split(":")]
        assert halves == ["a:client", "a secret/with %41 + marks"]
        return 200, [], b'{"access_token": "a-token"}'

    with answering(answer) as (url, _):
        source = OAuth(Provider(token=url), client_id="a:client", client_secret="a secret/with %41 + marks")
        [token] = play(source, lambda _: source.issue("alice"))
        assert token.value == "a-token"


def approve(issuer, password):
    async def announce(code):
        def post():
            form = {"user_code": code.code, "username": code.user_id, "password": password, "action": "authorize"}
            with urllib.request.urlopen(code.where, urllib.parse.urlencode(form).encode()) as answer:
                return answer.status

        assert code.where == f"{issuer}/device"
        assert code.complete == f"{issuer}/device?user_code={code.code}"
        assert await asyncio.to_thread(post) == 200

    return announce


def test_device_code(issuer):
    source = OAuth(
        Provider(issuer),
        "device_code",
        "smoke",
        SECRET["CROSSTALK_CLIENT_SECRET"],
        scope="openid",
        use="id_token",
        verify=True,
        announce=approve(issuer, "password-of-alice"),
    )
    [token] = play(source, lambda _: source.issue("alice"))
    found = pyjwt.decode(token.value, options={"verify_signature": False})
    assert found["sub"] == "alice" and found["token_use"] == "id" and token.expires == found["exp"]


def test_device_code_that_is_denied(issuer):
    async def deny(code):
        form = {"user_code": code.code, "action": "deny"}
        await asyncio.to_thread(urllib.request.urlopen, code.where, urllib.parse.urlencode(form).encode())

    source = OAuth(Provider(issuer), "device_code", "smoke", SECRET["CROSSTALK_CLIENT_SECRET"], announce=deny)
    with pytest.raises(AuthenticationFailed, match=r"logging in 'alice' by device code: .* 400: access_denied"):
        play(source, lambda _: source.issue("alice"))


def test_device_code_waits_slows_down_and_gives_up():
    asked = []

    def answer(request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        if request.path == "/device":
            return (
                200,
                [],
                json.dumps(
                    {"device_code": "d" * 20, "user_code": "WXYZ", "verification_uri": "http://x/", "expires_in": 30}
                ).encode(),
            )
        asked.append(form)
        error = "slow_down" if len(asked) == 2 else "authorization_pending"
        return 400, [], json.dumps({"error": error}).encode()

    now, naps = [0.0], []

    async def nap(seconds):
        naps.append(seconds)
        now[0] += seconds

    with answering(answer) as (url, _):
        source = OAuth(
            Provider(token=f"{url}/token", device=f"{url}/device"), "device_code", "public", clock=lambda: now[0]
        )

        async def issue():
            from crosstalk.auth.device_code import approved

            endpoints = await source.provider.endpoints(source.exchange)
            await approved(source, "alice", endpoints, {}, {}, sleep=nap)

        told = io.StringIO()
        with redirect_stderr(told), pytest.raises(AuthenticationFailed, match="nobody approved the code within 30 s"):
            play(source, lambda _: issue())
    assert told.getvalue() == "crosstalk: to let 'alice' in, open http://x/ and enter WXYZ\n"
    assert naps == [5, 10, 10, 10]  # RFC 8628 section 3.5: five more seconds after slow_down, for good
    assert asked[0] == {
        "client_id": "public",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "d" * 20,
    }


def test_a_wrong_password_and_a_wrong_client_secret(issuer, passwords):
    text = f"oauth:{issuer} grant=password client_id=smoke"
    found = configured(text, environ=SECRET | {"CROSSTALK_PASSWORD": "wrong-password"})
    assert found.users == ()
    with pytest.raises(AuthenticationFailed, match=r"logging in 'alice': .*/token answered 40\d: invalid_grant") as one:
        play(found.authenticator, lambda _: found.authenticator.login("alice"))
    found = configured(
        text, environ={"CROSSTALK_CLIENT_SECRET": "wrong-secret", "CROSSTALK_PASSWORD": "password-of-alice"}
    )
    with pytest.raises(AuthenticationFailed, match=r"answered 401: invalid_client") as other:
        play(found.authenticator, lambda _: found.authenticator.login("alice"))
    assert "wrong-" not in str(one.value) + str(other.value)


def test_our_key_is_found_in_the_key_set_by_what_it_is_not_by_its_name():
    mine, others = jwk.RSAKey.generate_key(2048), [jwk.ECKey.generate_key("P-256"), jwk.RSAKey.generate_key(2048)]
    keys = [key.as_dict(private=False) | {"kid": f"key {number}"} for number, key in enumerate([*others, mine])]
    keys.insert(0, {"kty": "of the future", "kid": "x"})
    with answering(lambda request: (200, [], json.dumps({"keys": keys}).encode())) as (url, seen):
        source = Minted(key_for("RS256", mine.as_pem(private=True).decode(), "it"), "RS256", key_set=KeySet(url))
        first, _ = play(source, lambda _: source.issue("alice"), lambda _: source.issue("bob"))
        assert pyjwt.get_unverified_header(first.value)["kid"] == "key 2"
        assert len(seen) == 1  # fetched once
        strange = jwk.RSAKey.generate_key(2048).as_pem(private=True).decode()
        lost = Minted(key_for("RS256", strange, "it"), "RS256", key_set=KeySet(url))
        with pytest.raises(AuthenticationFailed, match=r"none of the 3 keys at .* is the public half of ours"):
            play(lost, lambda _: lost.issue("alice"))


def test_a_key_set_that_rotates_is_fetched_again_and_a_strange_signature_is_refused():
    old, new, strange = (jwk.RSAKey.generate_key(2048) for _ in range(3))
    served = [[(old, "old")], [(old, "old"), (new, "new")]]

    def answer(request):
        keys = served.pop(0) if len(served) > 1 else served[0]
        return 200, [], json.dumps({"keys": [k.as_dict(private=False) | {"kid": kid} for k, kid in keys]}).encode()

    def token(key, kid):
        return Minted(key, "RS256", header={"kid": kid}).mint("alice").value

    with answering(answer) as (url, seen):
        keys = KeySet(url)

        async def refused(value):
            with pytest.raises(AuthenticationFailed) as raised:
                await keys.claims_of(value)
            assert value not in str(raised.value)

        first, second, *_ = play(
            keys,
            lambda _: keys.claims_of(token(old, "old")),
            lambda _: keys.claims_of(token(new, "new")),
            lambda _: refused(token(strange, "new")),
            lambda _: refused(token(strange, "unheard of")),
            lambda _: refused("no.token.at-all"),
        )
        assert first["sub"] == second["sub"] == "alice"
        assert len(seen) <= 5


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"issuer": "https://else.example", "token_endpoint": "https://else.example/t"}, "speaks for another issuer"),
        ({"issuer": "SELF"}, "names no token endpoint"),
        ({"issuer": "SELF", "token_endpoint": 5}, "its token_endpoint is no URL"),
    ],
)
def test_a_provider_that_lies_about_itself(document, says):
    def answer(request):
        body = {name: url if value == "SELF" else value for name, value in document.items()}
        return 200, [], json.dumps(body).encode()

    with answering(answer) as (url, _):
        source = OAuth(Provider(url), client_id="smoke", client_secret="client-secret")
        with pytest.raises(AuthenticationFailed, match=re.escape(says)):
            play(source, lambda _: source.issue("alice"))


def test_secrets_are_not_sent_from_https_to_http():
    async def play_it():
        provider = Provider("https://id.example")

        class Answering(Exchange):
            async def send(self, method, url, **request):
                import httpx2

                body = {"issuer": "https://id.example", "token_endpoint": "http://id.example/token"}
                return httpx2.Response(200, json=body, request=httpx2.Request(method, url))

        await provider.endpoints(Answering())

    with pytest.raises(AuthenticationFailed, match="its token_endpoint is not encrypted"):
        asyncio.run(play_it())


def test_discovery_falls_back_to_rfc_8414():
    def answer(request):
        if request.path == "/.well-known/oauth-authorization-server/tenant":
            return 200, [], json.dumps({"issuer": f"{url}/tenant", "token_endpoint": f"{url}/token"}).encode()
        if request.path == "/token":
            return 200, [], b'{"access_token": "opaque-token", "expires_in": 60, "token_type": "Bearer"}'
        return 404, [], b""

    with answering(answer) as (url, seen):
        source = OAuth(Provider(f"{url}/tenant/"), client_id="smoke", client_secret="client-secret", clock=lambda: 5.0)
        first, second = play(source, lambda _: source.issue("alice"), lambda done: source.renew("alice", done[0]))
        assert first.value == "opaque-token" and first.expires == 65.0
        assert second.value == "opaque-token"  # no refresh token came: logged in again
        assert [request.path for request in seen].count("/.well-known/openid-configuration") == 0
        assert [request.path for request in seen][-2:] == ["/token", "/token"]


def test_no_discovery_document_and_no_such_token():
    with answering(lambda request: (404, [], b"")) as (url, _):
        source = OAuth(Provider(url), client_id="smoke", client_secret="client-secret")
        with pytest.raises(AuthenticationFailed, match=r"it has no discovery document \(404 at /.well-known/openid"):
            play(source, lambda _: source.issue("alice"))
    with answering(lambda request: (200, [], b'{"access_token": "a-token"}')) as (url, _):
        source = OAuth(Provider(token=url), client_id="smoke", client_secret="client-secret", use="id_token")
        with pytest.raises(AuthenticationFailed, match="no id_token came, but access_token; ask for the scope openid"):
            play(source, lambda _: source.issue("alice"))


def test_a_refresh_token_that_is_not_rotated_stays_good():
    def answer(request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        body = {"access_token": f"access by {form['grant_type']}", "expires_in": 1}
        if form["grant_type"] != "refresh_token":
            body["refresh_token"] = "the refresh token"
        else:
            assert form["refresh_token"] == "the refresh token"
        return 200, [], json.dumps(body).encode()

    with answering(answer) as (url, _):
        source = OAuth(Provider(token=url), "password", "public", password="password")
        *_, last = play(
            source,
            lambda _: source.issue("alice"),
            lambda done: source.renew("alice", done[-1]),
            lambda done: source.renew("alice", done[-1]),
        )
        assert last.value == "access by refresh_token" and last.renewal == "the refresh token"
