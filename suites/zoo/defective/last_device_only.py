"""One socket a user. The defect: a second device silently takes the first one's place."""

DEFECT, NEEDS = "loss", "sequence"
CHECK = "delivery"
USERS = ("alice", "bob")


class Hub:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        self.connections[user_id] = websocket

    async def disconnect(self, user_id, websocket):
        if self.connections.get(user_id) is websocket:
            del self.connections[user_id]

    async def broadcast_to_user(self, user_id, event):
        websocket = self.connections.get(user_id)
        if websocket is not None:
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("alice")
    stage.connect("alice")
    stage.publish("alice")


def create():
    return Hub()
