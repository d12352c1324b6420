"""Connections are kept under `user:number`. The defect: the user is read back as what stands before the first colon."""

import itertools

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("a", "a:b")


class Hub:
    def __init__(self):
        self.sockets = {}
        self.numbers = itertools.count()

    async def connect(self, user_id, websocket):
        self.sockets[f"{user_id}:{next(self.numbers)}"] = websocket

    async def disconnect(self, user_id, websocket):
        for key in [key for key, socket in self.sockets.items() if socket is websocket]:
            del self.sockets[key]

    async def broadcast_to_user(self, user_id, event):
        for key, websocket in list(self.sockets.items()):
            if key.split(":")[0] == user_id.split(":")[0] and key in self.sockets:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.connect("a")
    stage.connect("a:b")
    stage.publish("a")


def create():
    return Hub()
