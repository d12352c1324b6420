"""Tokens of a real provider that are taken back: servers that ask it (introspection) and servers that never do."""

import asyncio
import contextlib
import http
import json
import urllib.parse
import urllib.request

import jwt as pyjwt
import pytest
from provider import provider
from websockets.asyncio.server import serve

from crosstalk.auth.configured import configured
from crosstalk.auth.examination import examine_refusals
from crosstalk.auth.ground import Site
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusals import demanded

CLIENT_SECRET = "client-secret-of-smoke"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("provider")) as found:
        yield found


class Resource:
    """Verifies tokens with the provider's keys; asks it whether they are still good, at the door or all the time."""

    def __init__(self, issuer, asks_at_door=True, keeps_asking=True):
        self.issuer, self.asks_at_door, self.keeps_asking = issuer, asks_at_door, keeps_asking
        self.keys = pyjwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")

    async def active(self, token):
        def ask():
            form = urllib.parse.urlencode({"token": token}).encode()
            request = urllib.request.Request(f"{self.issuer}/introspect", form)
            import base64

            basic = base64.b64encode(f"smoke:{CLIENT_SECRET}".encode()).decode()
            request.add_header("Authorization", f"Basic {basic}")
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["active"]

        return await asyncio.to_thread(ask)

    async def process_request(self, connection, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            key = await asyncio.to_thread(self.keys.get_signing_key_from_jwt, token)
            claims = pyjwt.decode(token, key.key, algorithms=["RS256"], audience="chat", issuer=self.issuer)
        except pyjwt.PyJWTError:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no")
        if self.asks_at_door and not await self.active(token):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "taken back")
        connection.user, connection.token = claims["sub"], token
        return None

    async def handler(self, connection):
        async def asking():
            while await self.active(connection.token):
                await asyncio.sleep(0.1)
            await connection.close(1008, "taken back")

        task = asyncio.ensure_future(asking()) if self.keeps_asking else None
        try:
            async for raw in connection:
                await connection.send(json.dumps({"type": "agent_started", "user": connection.user, "request": raw}))
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


TAKEN_BACK = ("revoked", "revoked meanwhile")
# what an attacker can make of a provider's token without its key; the public key is known from its key set
FORGED = ("garbage", "alg none", "signature stripped", "other key", "public key as secret", "altered subject")


async def examine(issuer, folder, names, **server):
    (folder / "passwords").write_text("alice password-of-alice\nbob password-of-bob\n")
    found = configured(
        f"oauth:{issuer} grant=password client_id=smoke 'scope=openid offline_access' passwords_file=passwords",
        environ={"CROSSTALK_CLIENT_SECRET": CLIENT_SECRET},
        folder=folder,
    )

    resource = Resource(issuer, **server)
    async with serve(resource.handler, "127.0.0.1", 0, process_request=resource.process_request) as listening:
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        try:
            return await examine_refusals(
                Site(url, patience=0.4, leeway=0.5),
                found.authenticator,
                demanded("none", dict.fromkeys(names, "properly")),
                redactor=Redactor(found.secrets),
                users=found.users,
            )
        finally:
            await found.authenticator.close()


@pytest.fixture(scope="module")
def found(issuer, tmp_path_factory):
    """Three servers at the same time: one asks at the door and all the time, one at the door, one never."""

    async def play():
        folder = tmp_path_factory.mktemp("passwords")
        return await asyncio.gather(
            examine(issuer, folder, (*FORGED, "expired", *TAKEN_BACK)),
            examine(issuer, folder, TAKEN_BACK, keeps_asking=False),
            examine(issuer, folder, TAKEN_BACK, keeps_asking=False, asks_at_door=False),
        )

    return asyncio.run(play())


def test_a_server_that_asks_the_provider_passes(found):
    verdict, attempts = found[0]
    assert verdict.verdict == "pass", (verdict.notes, verdict.checks)
    assert {attempt.refusal for attempt in attempts.attempts} == {*FORGED, *TAKEN_BACK}
    assert attempts.skipped == {"expired": "such a token can only be made where the key is: --auth jwt"}


def test_servers_that_do_not_ask_are_seen(found):
    causes = [{violation.cause for violation in verdict.checks[0].violations} for verdict, _ in found[1:]]
    assert causes == [{"revoked meanwhile: let in"}, {"revoked: let in", "revoked meanwhile: let in"}]
