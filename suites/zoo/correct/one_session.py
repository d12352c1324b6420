"""One connection a user: a new one takes the place of the old one, which is told so and closed."""

import asyncio
import copy

STRICT = True

REPLACED = 4001


class Sessions:
    def __init__(self):
        self.current = {}
        self.closing = set()

    async def connect(self, user_id, websocket):
        old = self.current.get(user_id)
        self.current[user_id] = websocket
        if old is not None and old is not websocket:
            task = asyncio.create_task(self._close(old))
            self.closing.add(task)
            task.add_done_callback(self.closing.discard)

    async def _close(self, websocket):
        try:
            await websocket.close(REPLACED)
        except (RuntimeError, ConnectionError):
            pass

    async def disconnect(self, user_id, websocket):
        if self.current.get(user_id) is websocket:
            del self.current[user_id]

    async def send_to_user(self, user_id, event):
        websocket = self.current.get(user_id)
        if websocket is None:
            return False
        try:
            await websocket.send_json(copy.deepcopy(event))
        except (RuntimeError, ConnectionError):
            return False
        return True


def create():
    return Sessions()
