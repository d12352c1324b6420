"""Copy-on-write: each user maps to an immutable tuple of connection handles that is
replaced on every change. A broadcast gathers sends over the tuple it picked up."""

import asyncio
import copy

STRICT = True


class Handle:
    __slots__ = ("websocket",)

    def __init__(self, websocket):
        self.websocket = websocket


class Hub:
    def __init__(self):
        self.table = {}

    async def connect(self, user_id, websocket):
        current = self.table.get(user_id, ())
        if all(h.websocket is not websocket for h in current):
            self.table[user_id] = current + (Handle(websocket),)

    async def disconnect(self, user_id, websocket):
        rest = tuple(h for h in self.table.get(user_id, ()) if h.websocket is not websocket)
        if rest:
            self.table[user_id] = rest
        else:
            self.table.pop(user_id, None)

    async def _send(self, user_id, handle, event):
        if handle not in self.table.get(user_id, ()):
            return 0
        try:
            await handle.websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            return 0
        return 1

    async def broadcast_to_user(self, user_id, event):
        handles = self.table.get(user_id, ())
        copies = [copy.deepcopy(event) for _ in handles]
        results = await asyncio.gather(*(self._send(user_id, h, item) for h, item in zip(handles, copies)))
        return sum(results)


def create():
    return Hub()
