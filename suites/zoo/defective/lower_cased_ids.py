"""A dictionary of lists. The defect: ids are lower-cased on the way in, so that two users become one."""

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("alice", "Alice")


class Hub:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id.lower(), []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.connections[user_id.lower()].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        for websocket in list(self.connections.get(user_id.lower(), ())):
            if websocket not in self.connections[user_id.lower()]:
                continue
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("alice")
    stage.publish("Alice")


def create():
    return Hub()
