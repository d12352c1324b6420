"""What is published while a user is away is kept, and sent when the user is back. The defect: one buffer serves all
users, and whoever connects first is sent what is in it."""

import copy
from collections import deque

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("alice", "bob")


class OfflineHub:
    def __init__(self):
        self.sockets = {}
        self.missed = deque(maxlen=50)

    async def connect(self, user_id, websocket):
        while self.missed:
            try:
                await websocket.send_json(self.missed.popleft())
            except (RuntimeError, ConnectionError):
                pass
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        if not self.sockets.get(user_id):
            self.missed.append(copy.deepcopy(event))
        for websocket in list(self.sockets.get(user_id, ())):
            if websocket in self.sockets[user_id]:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.publish("alice")
    stage.connect("bob")


def create():
    return OfflineHub()
