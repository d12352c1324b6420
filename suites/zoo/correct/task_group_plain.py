"""One task group a publish, one task a socket."""

import asyncio
import json

STRICT = True


class Hub:
    def __init__(self):
        self.clients = {}

    async def add_client(self, user_id, websocket):
        self.clients.setdefault(user_id, []).append(websocket)

    async def remove_client(self, user_id, websocket):
        self.clients[user_id].remove(websocket)
        if not self.clients[user_id]:
            del self.clients[user_id]

    async def _send(self, websocket, text):
        try:
            await websocket.send_text(text)
        except (RuntimeError, ConnectionError):
            pass

    async def send_to_user(self, user_id, event):
        text = json.dumps(event)
        async with asyncio.TaskGroup() as group:
            for websocket in self.clients.get(user_id, ()):
                group.create_task(self._send(websocket, text))


def create():
    return Hub()
