"""The usual gather over the user's sockets, whose failures are looked at afterwards."""

import asyncio

STRICT = True


class Manager:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, set()).add(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.connections.get(user_id, set())
        mine.discard(websocket)
        if not mine:
            self.connections.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        sockets = list(self.connections.get(user_id, ()))
        results = await asyncio.gather(*(socket.send_json(event) for socket in sockets), return_exceptions=True)
        return sum(not isinstance(result, BaseException) for result in results)


def create():
    return Manager()
