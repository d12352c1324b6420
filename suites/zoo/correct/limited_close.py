"""Forty connections at most; the next one is closed with "try again later" instead of being let in."""

import copy

SEARCHES = ("delivery",)


class Limited:
    IN_ALL = 40

    def __init__(self):
        self.members = {}
        self.session = 0

    async def connect(self, user_id, websocket):
        if len(self.members) >= self.IN_ALL:
            await websocket.close(code=1013)
            return False
        self.session += 1
        self.members[websocket] = (user_id, self.session)
        await websocket.send_json({"type": "connection_established", "session": self.session})
        return True

    async def disconnect(self, user_id, websocket):
        self.members.pop(websocket, None)

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        for websocket, member in list(self.members.items()):
            if member[0] == user_id and self.members.get(websocket) == member:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def create():
    return Limited()
