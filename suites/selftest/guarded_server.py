"""A WebSocket server that guards its users well, and can be given one hole at a time. Real sockets, PyJWT.

Users send `start_agent` messages and are sent what comes of them on all their connections. `upgrade` servers refuse
with 401 or 403; `close` servers let the upgrade through and close with 1008.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http
import json
import time
import urllib.parse
from collections import defaultdict
from dataclasses import dataclass, field

import jwt as pyjwt
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

AUDIENCE, ISSUER = "chat", "https://issuer.example"

HOLES = {
    # hole -> the refusals that see it
    "guests without token": {"no token"},
    "guests with garbage": {"garbage"},
    "accepts expired": {"expired"},
    "ignores nbf": {"not yet valid"},
    "ignores aud": {"wrong audience"},
    "ignores iss": {"wrong issuer"},
    "accepts alg none": {"alg none"},
    "accepts alg None by mistake": {"alg none"},
    "no signature is a good one": {"signature stripped"},
    "believes the header's algorithm": {"public key as secret"},
    "believes the header's key": {"key in header"},
    "trusts user_id in query": {"other's id in query"},
    "trusts X-User-Id": {"other's id in header"},
    "trusts the path": {"other's id in path"},
    "trusts user_id in messages": {"other's id in message"},
    "subscribes to any channel": {"other's channel"},
    "ignores Origin": {"foreign site"},
    "sends everything to everybody": {
        "nobody else's events",
        "other's id in query",
        "other's id in header",
        "other's id in message",
        "other's channel",
    },
    "never verifies": {
        "alg none",
        "signature stripped",
        "other key",
        "key in header",
        "public key as secret",
        "altered subject",
    },
}


@dataclass
class Guard:
    key: str  # the secret, or the public key as PEM
    algorithm: str = "RS256"
    hole: str = ""
    style: str = "upgrade"
    carrier: str = "header"
    cookies: bool = False
    forgets_expiry: bool = False
    rooms: dict = field(default_factory=lambda: defaultdict(set))
    seen: list = field(default_factory=list)
    port: int = 0

    # ---- who is it

    def token(self, request, first: str | None = None) -> str:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.path).query))
        if self.carrier == "header":
            return request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.carrier == "query":
            return query.get("token", "")
        if self.carrier == "cookie":
            cookies = dict(pair.strip().partition("=")[::2] for pair in request.headers.get("Cookie", "").split(";"))
            return cookies.get("token", "")
        if self.carrier == "subprotocol":
            for name in request.headers.get("Sec-WebSocket-Protocol", "").split(", "):
                if name.startswith("jwt."):
                    encoded = name[4:]
                    with contextlib.suppress(ValueError):
                        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            return ""
        with contextlib.suppress(ValueError, AttributeError):
            message = json.loads(first or "")
            return message.get("token", "") if message.get("type") == "authenticate" else ""
        return ""

    def claims(self, token: str) -> dict:
        """The claims of a good token; PyJWT's exception for every other. The holes are here."""
        hole = self.hole
        options = {"require": ["exp", "sub", "aud", "iss"]}
        if hole == "accepts expired":
            options["verify_exp"] = False
        if hole == "ignores nbf":
            options["verify_nbf"] = False
        if hole == "ignores aud":
            options["verify_aud"] = False
        if hole == "ignores iss":
            options["verify_iss"] = False
        if hole == "never verifies":
            options |= {"verify_signature": False, "verify_exp": True, "verify_aud": True, "verify_iss": True}
            options["verify_nbf"] = True
        key, algorithms = self.key, [self.algorithm]
        header = pyjwt.get_unverified_header(token)
        head, _, signature = token.rpartition(".")
        alg = str(header.get("alg"))
        unsigned = (hole == "accepts alg none" and alg == "none") or (
            hole == "accepts alg None by mistake" and alg != "none" and alg.lower() == "none"
        )
        if unsigned or (hole == "no signature is a good one" and not signature and alg == self.algorithm):
            return self._unverified(token)
        if hole == "believes the header's algorithm" and alg == "HS256":
            mine = hmac.new(self.key.encode(), head.encode(), hashlib.sha256).digest()
            if base64.urlsafe_b64encode(mine).rstrip(b"=").decode() == signature:
                return self._unverified(token)
        if hole == "believes the header's key" and "jwk" in header:
            key, algorithms = pyjwt.PyJWK(header["jwk"], alg).key, [alg]
        return pyjwt.decode(token, key, algorithms=algorithms, audience=AUDIENCE, issuer=ISSUER, options=options)

    def _unverified(self, token: str) -> dict:
        claims = pyjwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] > time.time() and claims["aud"] == AUDIENCE and claims["iss"] == ISSUER
        return claims

    def who(self, request, first: str | None = None) -> tuple[str, float] | None:
        """The user and when its token expires; None when it is refused."""
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://127.0.0.1:{self.port}" and self.hole != "ignores Origin":
            return None
        token = self.token(request, first)
        if not token:
            return ("guest", time.time() + 60) if self.hole == "guests without token" else None
        if self.hole == "guests with garbage" and "." not in token:
            return "guest", time.time() + 60
        try:
            claims = self.claims(token)
        except (pyjwt.PyJWTError, ValueError):
            return None
        user = claims["sub"]
        path = urllib.parse.urlsplit(request.path)
        in_path = urllib.parse.unquote(path.path.rpartition("/")[2])
        if in_path not in (user, "ws"):
            if self.hole != "trusts the path":
                return None
            user = in_path
        if self.hole == "trusts user_id in query":
            user = dict(urllib.parse.parse_qsl(path.query)).get("user_id", user)
        if self.hole == "trusts X-User-Id":
            user = request.headers.get("X-User-Id", user)
        return user, claims["exp"] if self.hole != "accepts expired" else time.time() + 60

    # ---- what it does

    async def process_request(self, connection: ServerConnection, request):
        if self.style == "upgrade" and self.carrier != "message":
            found = self.who(request)
            if found is None:
                return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")
        return None

    async def handler(self, connection: ServerConnection) -> None:
        first = None
        if self.carrier == "message":
            await connection.send(json.dumps({"type": "hello", "please": "authenticate"}))
            try:
                first = await connection.recv()
            except ConnectionClosed:
                return
        found = self.who(connection.request, first)
        if found is None:
            await connection.close(1008, "refused")
            return
        user, expires = found
        await connection.send(json.dumps({"type": "connection_established", "user_id": user}))
        self.rooms[user].add(connection)
        timer = None
        if not self.forgets_expiry:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(
                max(0, expires - time.time()), lambda: loop.create_task(connection.close(1008, "expired"))
            )
        try:
            async for raw in connection:
                await self.said(connection, user, json.loads(raw))
        finally:
            if timer is not None:
                timer.cancel()
            for room in self.rooms.values():
                room.discard(connection)

    async def said(self, connection: ServerConnection, user: str, message: dict) -> None:
        if message.get("type") == "subscribe":
            channel = str(message.get("channel", ""))
            owner = channel.removeprefix("user:")
            if owner == user or self.hole == "subscribes to any channel":
                self.rooms[owner].add(connection)
            else:
                await connection.send(json.dumps({"type": "error", "message": "that channel is not yours"}))
            return
        if message.get("type") != "start_agent":
            await connection.send(json.dumps({"type": "error", "message": "what?"}))
            return
        if self.hole == "trusts user_id in messages":
            user = message["payload"].get("user_id", user)
        event = {"type": "agent_started", "user_id": user, "run_id": message["payload"].get("run_id")}
        event["request"] = message["payload"].get("user_request")
        room = self.rooms[user]
        if self.hole == "sends everything to everybody":
            room = set().union(*self.rooms.values())
        for member in list(room):
            with contextlib.suppress(ConnectionClosed):
                await member.send(json.dumps(event))


@contextlib.asynccontextmanager
async def guarded(guard: Guard):
    """The server on a free port of loopback; yields its URL, with the user in the path."""
    protocols = ["jwt-auth"] if guard.carrier == "subprotocol" else None
    async with serve(
        guard.handler, "127.0.0.1", 0, process_request=guard.process_request, subprotocols=protocols, close_timeout=1
    ) as server:
        guard.port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{guard.port}/ws/{{user}}"
