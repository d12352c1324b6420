"""Sends to the user's list of sockets as it stands. The defect: the list is iterated while disconnects shorten it, so
that the socket after a removed one is skipped."""

import contextlib

DEFECT, NEEDS = "loss", "interleaving"
CHECK = "delivery"
USERS = ("alice", "bob")


class ConnectionManager:
    def __init__(self):
        self.active_connections: dict[str, list] = {}

    async def connect(self, websocket, user_id: str):
        self.active_connections.setdefault(user_id, []).append(websocket)

    def disconnect(self, websocket, user_id: str):
        sockets = self.active_connections.get(user_id, [])
        if websocket in sockets:
            sockets.remove(websocket)
        if not sockets:
            self.active_connections.pop(user_id, None)

    async def send_personal_message(self, message: dict, user_id: str):
        for connection in self.active_connections.get(user_id, []):
            with contextlib.suppress(RuntimeError, ConnectionError):
                await connection.send_json(message)


def scenario(stage):
    first = stage.connect("alice")
    second = stage.connect("alice")
    stage.connect("alice")
    stage.hold(second)
    stage.start_publish("alice")
    stage.settle()
    stage.disconnect(first)
    stage.release(second)


def create():
    return ConnectionManager()
