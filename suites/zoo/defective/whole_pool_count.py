"""One flat pool of (user, socket) pairs. The defect: publish returns the size of the pool as the number of
receivers."""

from typing import NamedTuple

DEFECT, NEEDS = "false_success", "sequence"
CHECK = "truthful_count"
USERS = ("alice", "bob")


class Entry(NamedTuple):
    owner: str
    websocket: object


class ConnectionPool:
    def __init__(self):
        self.active: list[Entry] = []

    async def add_connection(self, user_id, websocket):
        self.active.append(Entry(user_id, websocket))

    def remove_connection(self, user_id, websocket):
        self.active = [e for e in self.active if e.owner != user_id or e.websocket is not websocket]

    async def send_to_user(self, user_id, payload):
        attempted = len(self.active)
        for entry in [e for e in self.active if e.owner == user_id]:
            if not any(e is entry for e in self.active):
                continue
            try:
                await entry.websocket.send_json(payload)
            except (RuntimeError, ConnectionError):
                attempted -= 1
        return attempted


def scenario(stage):
    stage.connect("alice")
    stage.connect("bob")
    stage.publish("alice")


def create():
    return ConnectionPool()
