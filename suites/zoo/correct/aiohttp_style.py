"""As aiohttp applications do: a WeakSet of responses a user, `closed`, send_str."""

import json
import weakref
from collections import defaultdict


class App:
    def __init__(self):
        self.websockets = defaultdict(weakref.WeakSet)

    async def register(self, user_id, ws):
        self.websockets[user_id].add(ws)

    async def unregister(self, user_id, ws):
        self.websockets[user_id].discard(ws)
        if not self.websockets[user_id]:
            del self.websockets[user_id]

    async def send_to_user(self, user_id, message):
        text = json.dumps(message)
        for ws in set(self.websockets.get(user_id, ())):
            if not ws.closed and ws in self.websockets.get(user_id, ()):
                try:
                    await ws.send_str(text)
                except (ConnectionError, RuntimeError):
                    continue


def create():
    return App()
