"""A janitor, started with the first connection, takes out connections that are known to be dead every 30 seconds, and
ends when nobody is left."""

import asyncio
import json


class Entry:
    def __init__(self, websocket):
        self.websocket = websocket
        self.dead = False


class Registry:
    def __init__(self):
        self.entries = {}
        self.janitor = None

    async def register(self, user_id, websocket):
        self.entries.setdefault(user_id, {})[websocket] = Entry(websocket)
        if self.janitor is None:
            self.janitor = asyncio.create_task(self._clean())

    async def unregister(self, user_id, websocket):
        entry = self.entries.get(user_id, {}).pop(websocket, None)
        if entry is not None:
            entry.dead = True
        if user_id in self.entries and not self.entries[user_id]:
            del self.entries[user_id]

    async def _clean(self):
        while self.entries:
            await asyncio.sleep(30)
            for user_id, entries in list(self.entries.items()):
                for websocket, entry in list(entries.items()):
                    if entry.dead:
                        del entries[websocket]
                if not entries:
                    del self.entries[user_id]
        self.janitor = None

    async def emit_to_user(self, user_id, event):
        text = json.dumps(event)
        for entry in list(self.entries.get(user_id, {}).values()):
            if not entry.dead:
                try:
                    await entry.websocket.send_text(text)
                except (RuntimeError, ConnectionError):
                    entry.dead = True


def create():
    return Registry()
