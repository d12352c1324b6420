"""Every carrier against what a real server reads off the wire, and what can't be a carrier."""

import asyncio
import base64
import http.cookies
import json

import pytest

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.carried import Carried
from crosstalk.auth.carriers import CARRIERS, Carrier
from crosstalk.auth.static import StaticTokens

TOKEN = "to+ken/with=every.kind~of-sign_&%25"


async def seen_by_server(credential):
    """What a server gets when `credential` connects: the upgrade request and the first frame."""
    from urllib.parse import urlencode

    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve

    seen = {}

    async def handler(connection):
        seen["request"] = connection.request
        if credential.first_message is not None:
            seen["first"] = await connection.recv()

    accepted = [protocol for protocol in credential.subprotocols if not protocol.startswith("jwt.")]
    async with serve(handler, "127.0.0.1", 0, subprotocols=accepted or None) as server:
        port = server.sockets[0].getsockname()[1]
        headers = [*credential.headers]
        if credential.cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in credential.cookies)))
        url = f"ws://127.0.0.1:{port}/ws?{urlencode(credential.query)}"
        async with connect(
            url, additional_headers=headers, subprotocols=credential.subprotocols or None, proxy=None
        ) as connection:
            if credential.first_message is not None:
                await connection.send(credential.first_message)
            await connection.wait_closed()
    return seen


def carried(text, token=TOKEN):
    return asyncio.run(seen_by_server(Carrier.parse(text).credential("alice", token)))


def test_header():
    assert carried("header")["request"].headers["Authorization"] == f"Bearer {TOKEN}"
    assert carried("header:X-Api-Key")["request"].headers["X-Api-Key"] == TOKEN


@pytest.mark.parametrize(("text", "accepted"), [("subprotocol", "jwt-auth"), ("subprotocol:chat.v1", "chat.v1")])
def test_subprotocol_is_base64url_without_padding_beside_the_accepted_one(text, accepted):
    offered = carried(text)["request"].headers["Sec-WebSocket-Protocol"].split(", ")
    assert offered[0] == accepted
    kind, _, encoded = offered[1].partition(".")
    assert kind == "jwt" and "=" not in encoded
    assert base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() == TOKEN


@pytest.mark.parametrize(("text", "name"), [("query", "token"), ("query:access_token", "access_token")])
def test_query(text, name):
    from urllib.parse import parse_qs, urlsplit

    path = carried(text)["request"].path
    assert parse_qs(urlsplit(path).query) == {name: [TOKEN]}


@pytest.mark.parametrize(("text", "name"), [("cookie", "token"), ("cookie:session", "session")])
def test_cookie(text, name):
    cookies = http.cookies.SimpleCookie(carried(text)["request"].headers["Cookie"])
    assert {key: morsel.value for key, morsel in cookies.items()} == {name: TOKEN}


def test_first_message():
    assert json.loads(carried("message")["first"]) == {"type": "authenticate", "token": TOKEN}


def test_first_message_template_quotes_what_it_is_filled_with():
    carrier = Carrier.parse('message:{"auth":{"user":"{user}","jwt":"{token}"}}')
    strange = 'al"ice\\{token}'
    first = carrier.credential(strange, TOKEN).first_message
    assert json.loads(first) == {"auth": {"user": strange, "jwt": TOKEN}}


@pytest.mark.parametrize("kind", CARRIERS)
def test_the_token_is_a_secret_and_never_shown(kind):
    credential = Carrier.parse(kind).credential("alice", TOKEN, expires=5.0)
    assert credential.secrets == (TOKEN,)
    assert credential.expires == 5.0
    assert TOKEN not in repr(credential) and TOKEN not in str(credential)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pigeon", "'pigeon' is no way to carry a token: give one of header, subprotocol, query, cookie, message"),
        ("header:", "'header:' ends in a colon"),
        ("header:X Y", "can't be the name of a header"),
        ("cookie:a=b", "can't be the name of a cookie"),
        ("subprotocol:a,b", "can't be the name of a subprotocol"),
        ("message:hello", "has no {token} in it"),
    ],
)
def test_what_is_no_carrier(text, says):
    with pytest.raises(ValueError) as raised:
        Carrier.parse(text)
    assert says in str(raised.value)


@pytest.mark.parametrize("text", ["header", "header:X-Api-Key", "query:t", "message", "subprotocol:v2"])
def test_a_carrier_reads_what_it_says(text):
    assert str(Carrier.parse(text)) == text


@pytest.mark.parametrize("kind", ["header", "cookie"])
@pytest.mark.parametrize("token", ["two words", "line\r\nInjected: yes", "тoken"])
def test_a_token_that_no_header_can_hold_is_said_without_showing_it(kind, token):
    authenticator = Carried(StaticTokens({"alice": token}), Carrier.parse(kind))
    with pytest.raises(AuthenticationFailed) as raised:
        asyncio.run(authenticator.login("alice"))
    assert "alice" in str(raised.value) and token not in str(raised.value)


def test_refresh_needs_a_credential_of_this_authenticator():
    authenticator = Carried(StaticTokens({"alice": TOKEN}))
    foreign = Carrier().credential("bob", "another")

    async def play():
        credential = await authenticator.login("alice")
        assert (await authenticator.refresh(credential)).headers == credential.headers
        with pytest.raises(AuthenticationFailed, match="'bob' never logged in here"):
            await authenticator.refresh(foreign)
        with pytest.raises(AuthenticationFailed, match="there is no token for 'bob'"):
            await authenticator.login("bob")

    asyncio.run(play())
