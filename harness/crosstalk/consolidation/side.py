"""One broadcaster behind plain `connect`, `disconnect` and `publish`, whatever its own signatures are.

What a switch is made of. `Side` calls the broadcaster as the in-process target calls it, by what its parameters are
named; where a connect returns a queue or an iterator it reads from it, as the handler of a connection would.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from crosstalk.targets.in_process import Adapter
from crosstalk.targets.sources import as_bytes, items


class Broadcaster(Protocol):
    """What a switch is given twice, and is itself."""

    async def connect(self, user_id: str, websocket: Any) -> Any: ...

    async def disconnect(self, user_id: str, websocket: Any) -> Any: ...

    async def publish(self, user_id: str, event: dict[str, Any]) -> Any: ...


class Side:
    """`broadcaster`, called as `adapter` found out."""

    def __init__(self, broadcaster: Any, adapter: Adapter) -> None:
        self.broadcaster = broadcaster
        self._adapter = adapter
        self._connect, self._disconnect, self._publish = adapter.bind(broadcaster)
        self._returned: dict[tuple[str, Any], tuple[dict[str, Any], Any, asyncio.Task[None] | None]] = {}
        self._made = 0

    async def connect(self, user_id: str, websocket: Any) -> Any:
        """As the broadcaster's; False is a refusal."""
        self._made += 1
        given = {"socket": websocket, "id": f"link-{self._made}", "chosen": f"tab-{self._made}"}
        value = await _awaited(self._connect(user_id, given))
        if value is not False:
            pump = asyncio.ensure_future(_pump(value, websocket)) if self._adapter.reads else None
            self._returned[user_id, websocket] = given, value, pump
        return value

    async def disconnect(self, user_id: str, websocket: Any) -> Any:
        known = self._returned.pop((user_id, websocket), None)
        if known is None:
            return None
        given, value, pump = known
        if pump is not None:
            pump.cancel()
            given["socket"] = value
        elif value is not None and not isinstance(value, bool | dict):
            given["id"] = value
        return await _awaited(self._disconnect(user_id, given))

    async def publish(self, user_id: str, event: dict[str, Any]) -> Any:
        given: dict[str, Any] = {
            "event": event,
            "type": event.get("type"),
            "run_id": event.get("run_id"),
            "thread_id": event.get("thread_id"),
        }
        if self._adapter.form != "dict":
            text = json.dumps(event)
            given["text"], given["bytes"] = text, text.encode()
            given["event"] = text if self._adapter.form == "text" else given["bytes"]
        return await _awaited(self._publish(user_id, given))


async def _awaited(value: Any) -> Any:
    return await value if hasattr(type(value), "__await__") else value


async def _pump(source: Any, websocket: Any) -> None:
    try:
        async for item in items(source):
            await websocket.sendas_bytes(as_bytes(item))
    except (ConnectionError, RuntimeError):
        return  # the peer is gone; its handler will call disconnect
