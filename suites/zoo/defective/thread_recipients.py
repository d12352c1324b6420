"""Whom a thread's events go to is looked up once and remembered. The defect: it is remembered by the thread's id alone,
and two users may have threads of one name."""

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("alice", "bob")


class ThreadRouter:
    def __init__(self):
        self.sockets = {}
        self.recipients = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)
        self.recipients.clear()

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)
        self.recipients.clear()

    async def broadcast_to_user(self, user_id, event):
        thread = event["thread_id"]
        if thread not in self.recipients:
            self.recipients[thread] = tuple(self.sockets.get(user_id, ()))
        for websocket in self.recipients[thread]:
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("alice")
    stage.connect("bob")
    stage.publish("alice")
    stage.publish("bob")


def create():
    return ThreadRouter()
