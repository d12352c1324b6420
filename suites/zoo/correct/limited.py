"""A user may have two connections and the server forty; whoever comes after that is refused by an exception."""

import copy

SEARCHES = ("delivery", "connection")


class TooManyConnections(Exception):
    pass


class Limited:
    PER_USER = 2
    IN_ALL = 40

    def __init__(self):
        self.members = {}

    async def connect(self, user_id, websocket):
        mine = sum(owner == user_id for owner in self.members.values())
        if mine >= self.PER_USER or len(self.members) >= self.IN_ALL:
            raise TooManyConnections(user_id)
        self.members[websocket] = user_id

    async def disconnect(self, user_id, websocket):
        self.members.pop(websocket, None)

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        sockets = [websocket for websocket, owner in self.members.items() if owner == user_id]
        for websocket in sockets:
            if self.members.get(websocket) == user_id:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def create():
    return Limited()
