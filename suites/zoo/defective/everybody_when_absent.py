"""A dictionary of lists. The defect: a user without a connection makes the event go to everybody."""

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("alice", "bob")


class Hub:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.connections[user_id].remove(websocket)
        if not self.connections[user_id]:
            del self.connections[user_id]

    async def broadcast_to_user(self, user_id, event):
        everybody = [w for sockets in self.connections.values() for w in sockets]
        for websocket in list(self.connections.get(user_id) or everybody):
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("alice")
    stage.publish("bob")


def create():
    return Hub()
