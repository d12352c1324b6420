"""The recipient of a publish is a context variable, which each call has for itself."""

import contextvars
import copy

recipient = contextvars.ContextVar("recipient")


class Hub:
    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]

    async def broadcast_to_user(self, user_id, event):
        token = recipient.set(user_id)
        try:
            await self._fan_out(copy.deepcopy(event))
        finally:
            recipient.reset(token)

    async def _fan_out(self, event):
        for websocket in list(self.sockets.get(recipient.get(), ())):
            if websocket in self.sockets.get(recipient.get(), ()):
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def create():
    return Hub()
