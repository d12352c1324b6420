"""When an event can't be delivered the operator is told, with the event for diagnosis. The defect: the operator's
channel is the oldest connection there is, whose it may be."""

DEFECT, NEEDS = "leak", "fault"
CHECK = "isolation"
USERS = ("alice", "bob")


class NoticeHub:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        self.connections[websocket] = user_id

    async def disconnect(self, user_id, websocket):
        self.connections.pop(websocket, None)

    async def broadcast_to_user(self, user_id, event):
        for websocket in [w for w, owner in self.connections.items() if owner == user_id]:
            if self.connections.get(websocket) != user_id:
                continue
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError) as error:
                self.connections.pop(websocket, None)
                await self._notice({"type": "tool_error", "reason": str(error), "lost": event})

    async def _notice(self, notice):
        for operator in list(self.connections)[:1]:
            try:
                await operator.send_json(notice)
            except (RuntimeError, ConnectionError):
                pass


def scenario(stage):
    stage.connect("bob")
    phone = stage.connect("alice")
    stage.fail(phone)
    stage.publish("alice")


def create():
    return NoticeHub()
