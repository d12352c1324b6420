"""All of a user's sockets at once, ten seconds for each."""

import asyncio
import json


class Hub:
    def __init__(self):
        self.rooms = {}

    def join(self, user_id, websocket):
        self.rooms.setdefault(user_id, []).append(websocket)

    def leave(self, user_id, websocket):
        room = self.rooms.get(user_id, [])
        if websocket in room:
            room.remove(websocket)
        if not room:
            self.rooms.pop(user_id, None)

    async def _send(self, websocket, text):
        try:
            await asyncio.wait_for(websocket.send_text(text), 10)
        except (TimeoutError, RuntimeError, ConnectionError):
            return False
        return True

    async def emit(self, user_id, event):
        text = json.dumps(event)
        await asyncio.gather(*[self._send(websocket, text) for websocket in self.rooms.get(user_id, [])])


def create():
    return Hub()
