"""The demonstration application: log-in by JWT, agent runs streamed to all of a user's connections.

Each connection has a queue and a writer of its own, so that a slow one holds up nobody; one that doesn't keep up is
closed. A run goes on when its user leaves, and whoever comes back hears the rest of it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import random
import time
import uuid
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

TOOLS = ("search", "summarise")
QUEUE = 1_000


class Device:
    """One connection of a user: what is to be sent waits here, and the writer sends it."""

    def __init__(self, connection: ServerConnection, user: str) -> None:
        self.connection = connection
        self.user = user
        self.queue: asyncio.Queue[str] = asyncio.Queue(QUEUE)

    async def write(self) -> None:
        while True:
            await self.connection.send(await self.queue.get())


class Chat:
    """The application. `pace` is the mean of the seconds between two events of a run."""

    def __init__(self, secret: str, pace: float = 0.01) -> None:
        self.key = OctKey.import_key(secret)
        self.pace = pace
        self.devices: dict[str, list[Device]] = {}
        self.runs: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------------------------------ log-in

    def user_of(self, request: Request) -> str | None:
        """Whose request this is; None for a token that is missing, wrong or out of date."""
        for token in self._tokens(request):
            with contextlib.suppress(JoseError, ValueError):
                claims = jwt.decode(token, self.key, algorithms=["HS256"]).claims
                registry = jwt.JWTClaimsRegistry(sub={"essential": True}, exp={"essential": True})
                registry.validate(claims)
                return str(claims["sub"])
        return None

    def _tokens(self, request: Request) -> list[str]:
        found = []
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            found.append(token)
        for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
            if protocol.strip().startswith("jwt."):
                raw = protocol.strip()[4:]
                with contextlib.suppress(binascii.Error, UnicodeDecodeError):
                    found.append(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode())
        return found + parse_qs(urlsplit(request.path).query).get("token", [])

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to an opening handshake that is refused."""
        if self.user_of(request) is None:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "log in first\n")
        return None

    @staticmethod
    def protocol(connection: ServerConnection, offered: Any) -> Subprotocol | None:
        """A protocol beside the token, if one was offered; a token itself only where there is nothing else."""
        return next((name for name in offered if not name.startswith("jwt.")), offered[0] if offered else None)

    # ------------------------------------------------------------------------------------------ connections

    async def connected(self, connection: ServerConnection) -> None:
        """Serve one connection until it ends."""
        assert connection.request is not None
        user = self.user_of(connection.request)
        if user is None:
            await connection.close(1008, "log in first")
            return
        device = Device(connection, user)
        self.enter(device)
        writer = asyncio.create_task(device.write())
        self.send(device, {"type": "connection_established", "user_id": user, "timestamp": time.time()})
        try:
            async for message in connection:
                self.received(device, message)
        except ConnectionClosed:
            pass
        finally:
            self.leave(device)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer

    def enter(self, device: Device) -> None:
        self.devices.setdefault(device.user, []).append(device)

    def leave(self, device: Device) -> None:
        mine = self.devices.get(device.user, [])
        if device in mine:
            mine.remove(device)
        if not mine:
            self.devices.pop(device.user, None)

    def send(self, device: Device, event: dict[str, Any]) -> None:
        try:
            device.queue.put_nowait(json.dumps(event))
        except asyncio.QueueFull:
            device.connection.transport.abort()

    def publish(self, user: str, event: dict[str, Any]) -> None:
        """Send `event` to all of the user's connections."""
        for device in self.audience(user):
            self.send(device, event)

    def audience(self, user: str) -> list[Device]:
        return list(self.devices.get(user, ()))

    # ------------------------------------------------------------------------------------------ runs

    def received(self, device: Device, message: str | bytes) -> None:
        try:
            event = json.loads(message)
            payload = event.get("payload") or {}
            kind = event["type"]
        except (ValueError, KeyError, AttributeError):
            self.send(device, {"type": "error", "message": "that was no message"})
            return
        if kind == "ping":
            self.send(device, {"type": "pong", "timestamp": time.time()})
        elif kind in ("start_agent", "user_message", "chat"):
            text = next((payload[n] for n in ("user_request", "message", "content", "text") if n in payload), "")
            run = str(payload.get("run_id") or uuid.uuid4())
            thread = str(payload.get("thread_id") or uuid.uuid4())
            task = asyncio.create_task(self.run(device.user, str(text), run, thread))
            self.runs.add(task)
            task.add_done_callback(self.runs.discard)

    async def run(self, user: str, text: str, run: str, thread: str) -> None:
        """The agent at work."""
        steps: list[tuple[str, dict[str, Any]]] = [
            ("agent_started", {}),
            ("agent_thinking", {"reasoning": f"What is wanted by: {text}"}),
        ]
        for tool in random.sample(TOOLS, random.randint(0, len(TOOLS))):
            steps += [
                ("tool_executing", {"tool_name": tool, "parameters": {"query": text}}),
                ("tool_completed", {"tool_name": tool, "results": [f"found for {text}"], "duration": self.pace}),
            ]
        steps += [
            ("agent_thinking", {"reasoning": "Putting it together."}),
            ("agent_completed", {"status": "success", "final_response": f"Done: {text}"}),
        ]
        for kind, payload in steps:
            await asyncio.sleep(random.expovariate(1 / self.pace) if self.pace else 0)
            self.publish(user, self.event(kind, user, run, thread, payload))

    def event(self, kind: str, user: str, run: str, thread: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": kind,
            "run_id": run,
            "user_id": user,
            "thread_id": thread,
            "timestamp": time.time(),
            "payload": payload,
        }

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve for as long as the context is open; gives the address."""
        async with serve(
            self.connected,
            host,
            port,
            process_request=self.admit,
            select_subprotocol=self.protocol,
            ping_interval=None,
            close_timeout=1,
        ) as server:
            number = next(iter(server.sockets)).getsockname()[1]
            try:
                yield f"ws://{host}:{number}/ws"
            finally:
                for task in list(self.runs):
                    task.cancel()
