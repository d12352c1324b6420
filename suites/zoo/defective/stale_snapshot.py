"""Sends to a snapshot of the user's sockets. The defect: one that left meanwhile is still sent to."""

DEFECT, NEEDS = "ghost", "interleaving"
CHECK = "ghost"
USERS = ("alice", "bob")


class Hub:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.connections[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        for websocket in list(self.connections.get(user_id, ())):
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    tablet = stage.connect("alice")
    phone = stage.connect("alice")
    stage.hold(tablet)
    stage.start_publish("alice")
    stage.settle()
    stage.disconnect(phone)
    stage.release(tablet)


def create():
    return Hub()
