"""The registry is a frozen mapping of frozen sets, replaced as a whole by every change. An event is encoded once, and
all sockets of its user are sent the same bytes at the same time."""

import asyncio
import json
from types import MappingProxyType

STRICT = True
SEARCHES = ("connection",)


class FrozenRegistry:
    def __init__(self):
        self._registry = MappingProxyType({})

    def _with(self, user_id, sockets):
        changed = {**self._registry, user_id: frozenset(sockets)}
        self._registry = MappingProxyType({user: members for user, members in changed.items() if members})

    def register(self, user_id, websocket):
        self._with(user_id, self._registry.get(user_id, frozenset()) | {websocket})

    def unregister(self, user_id, websocket):
        self._with(user_id, self._registry.get(user_id, frozenset()) - {websocket})

    async def push(self, user_id, event):
        data = json.dumps(event).encode()
        sends = [self._send(user_id, websocket, data) for websocket in self._registry.get(user_id, ())]
        return sum(await asyncio.gather(*sends))

    async def _send(self, user_id, websocket, data):
        if websocket not in self._registry.get(user_id, ()):
            return False
        try:
            await websocket.send_bytes(data)
        except (RuntimeError, ConnectionError):
            return False
        return True


def create():
    return FrozenRegistry()
