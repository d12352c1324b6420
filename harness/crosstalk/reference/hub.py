"""A correct broadcaster: one ordered queue and one writer task per connection, so that nobody waits for anybody."""

from __future__ import annotations

import asyncio
import copy
from typing import Any


class Hub:
    """Each connection owns its queue; publishing only fills queues, so it never waits for a slow connection."""

    def __init__(self) -> None:
        self._connections: dict[str, dict[Any, tuple[asyncio.Queue[Any], asyncio.Task[None]]]] = {}

    async def connect(self, user_id: str, websocket: Any) -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        task = asyncio.ensure_future(self._write(websocket, queue))
        self._connections.setdefault(user_id, {})[websocket] = (queue, task)

    async def disconnect(self, user_id: str, websocket: Any) -> None:
        mine = self._connections.get(user_id, {})
        entry = mine.pop(websocket, None)
        if not mine:
            self._connections.pop(user_id, None)
        if entry is not None:
            entry[1].cancel()

    async def broadcast_to_user(self, user_id: str, event: dict[str, Any]) -> int:
        connections = self._connections.get(user_id, {})
        for queue, _ in connections.values():
            queue.put_nowait(copy.deepcopy(event))
        return len(connections)

    async def _write(self, websocket: Any, queue: asyncio.Queue[Any]) -> None:
        while True:
            event = await queue.get()
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                return  # the peer is gone; its handler will call disconnect
