"""The simulated end of a connection: what a broadcaster is given, with Starlette's and websockets' surface.

Every send is a gate of the schedule. The socket records through `World`, and never interprets what it is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from crosstalk.scenarios.runner import World


class Socket:
    """Hashable and weak-referenceable; its hash is its serial number, so that sets iterate alike in every process."""

    __slots__ = ("__weakref__", "_serial", "_world", "closed", "headers", "query_params", "scope")

    def __init__(self, world: World, serial: int) -> None:
        self._world = world
        self._serial = serial
        self.closed = False
        self.headers: dict[str, str] = {}
        self.query_params: dict[str, str] = {}
        self.scope: dict[str, Any] = {"type": "websocket", "path": "/ws", "headers": []}

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<socket {self._serial}>"

    @property
    def client_state(self) -> Any:
        return _State(3 if self._world.is_dead(self._serial) else 1)

    @property
    def application_state(self) -> Any:
        return _State(3 if self.closed else 1)

    async def accept(self, subprotocol: str | None = None, headers: Any = None) -> None:
        await self._world.gate(self._serial, "accept")

    async def send_json(self, data: Any, mode: str = "text") -> None:
        await self._world.send(self._serial, msgspec.json.encode(data))

    async def send_text(self, data: str) -> None:
        await self._world.send(self._serial, data.encode("utf-8", "surrogatepass"))

    async def send_bytes(self, data: bytes) -> None:
        await self._world.send(self._serial, bytes(data))

    async def send(self, message: Any, text: bool | None = None) -> None:
        if isinstance(message, dict) and str(message.get("type", "")).startswith("websocket."):
            if message["type"] == "websocket.send":
                message = message.get("text") or message.get("bytes") or ""
            else:
                await self._world.gate(self._serial, message["type"])
                return
        if isinstance(message, str):
            message = message.encode("utf-8", "surrogatepass")
        elif not isinstance(message, bytes | bytearray | memoryview):
            message = msgspec.json.encode(message)
        await self._world.send(self._serial, bytes(message))

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        if not self.closed:
            self.closed = True
            self._world.closed_by_broadcaster(self._serial)
            await self._world.gate(self._serial, "close")

    async def receive_text(self) -> str:
        return str(await self._world.receive(self._serial))

    async def receive(self) -> Any:
        return await self._world.receive(self._serial)

    receive_json = receive_bytes = recv = receive

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._world.receive(self._serial)


class _State(int):
    """Starlette's WebSocketState by value and name: 1 CONNECTED, 3 DISCONNECTED."""

    @property
    def value(self) -> int:
        return int(self)

    @property
    def name(self) -> str:
        return "CONNECTED" if self == 1 else "DISCONNECTED"
