"""One lock keeps publishes apart. The defect: it is the same for all users, and held while a slow socket sends."""

import asyncio

DEFECT, NEEDS = "blocking", "fault"
CHECK = "blocking"
USERS = ("alice", "bob")


class Hub:
    def __init__(self):
        self.connections = {}
        self.lock = asyncio.Lock()

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.connections[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        async with self.lock:
            for websocket in list(self.connections.get(user_id, ())):
                if websocket not in self.connections.get(user_id, ()):
                    continue
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    phone = stage.connect("alice")
    stage.connect("bob")
    stage.stall(phone)
    stage.start_publish("alice")
    stage.settle()
    stage.start_publish("bob")


def create():
    return Hub()
