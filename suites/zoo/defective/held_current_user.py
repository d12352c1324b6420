"""The recipient is kept on the hub. The defect: another publish replaces it while this one awaits between devices."""

DEFECT, NEEDS = "leak", "interleaving"
CHECK = "isolation"
USERS = ("alice", "bob")


class Hub:
    def __init__(self):
        self.connections = {}
        self.current_user = None

    async def connect(self, user_id, websocket):
        self.connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.connections[user_id].remove(websocket)
        if not self.connections[user_id]:
            del self.connections[user_id]

    async def broadcast_to_user(self, user_id, event):
        self.current_user = user_id
        sent = set()
        while True:
            waiting = [w for w in self.connections.get(self.current_user, ()) if w not in sent]
            if not waiting:
                return
            sent.add(waiting[0])
            try:
                await waiting[0].send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    tablet = stage.connect("alice")
    stage.connect("alice")
    stage.connect("bob")
    stage.hold(tablet)
    stage.start_publish("alice")
    stage.settle()
    stage.publish("bob")
    stage.release(tablet)


def create():
    return Hub()
