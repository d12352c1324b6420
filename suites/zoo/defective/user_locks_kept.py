"""Publishes of one user take turns by a lock from a table. The defect: the table keeps a lock for everybody who was
ever written to."""

import asyncio
from collections import defaultdict

DEFECT, NEEDS = "growth", "scale"
CHECK = "cleanup"
USERS = tuple(f"user-{number}" for number in range(40))


class OrderedHub:
    def __init__(self):
        self.connections: dict[str, list] = {}
        self.turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        rest = [w for w in self.connections.get(user_id, ()) if w is not websocket]
        if rest:
            self.connections[user_id] = rest
        else:
            self.connections.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        async with self.turns[user_id]:
            sent = 0
            for websocket in self.connections.get(user_id, ()):
                if websocket not in self.connections.get(user_id, ()):
                    continue
                try:
                    await websocket.send_json(event)
                    sent += 1
                except (RuntimeError, ConnectionError):
                    pass
            return sent


def scenario(stage):
    for number, user in enumerate(stage.users):
        connection = stage.connect(user)
        stage.publish(user)
        stage.disconnect(connection)
        if number in (9, 19, 39):
            stage.sleep(86_400.0)  # what is kept for a time may go
            connection = stage.connect(user)
            stage.publish(user)
            stage.disconnect(connection)
            stage.census()


def create():
    return OrderedHub()
