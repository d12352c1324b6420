"""Plain sets of `websockets` connections and websockets.broadcast: nothing here waits."""

import json

from websockets.asyncio.server import broadcast

STRICT = True


class Server:
    def __init__(self):
        self.connections = {}

    def register(self, user_id, connection):
        self.connections.setdefault(user_id, set()).add(connection)

    def unregister(self, user_id, connection):
        mine = self.connections.get(user_id, set())
        mine.discard(connection)
        if not mine:
            self.connections.pop(user_id, None)

    def publish(self, user_id, event):
        broadcast(self.connections.get(user_id, ()), json.dumps(event))


def create():
    return Server()
