"""A connection that is being sent to is flagged busy, and events for it wait in line. The defect: a publish that is
cancelled during its send leaves the flag up, and the line never moves again."""

import copy

DEFECT, NEEDS = "loss", "cancellation"
CHECK = "delivery"
USERS = ("alice", "bob")


class Line:
    """One websocket and the events that wait for it."""

    __slots__ = ("busy", "open", "waiting", "websocket")

    def __init__(self, websocket):
        self.websocket = websocket
        self.waiting = []
        self.busy = False
        self.open = True


class LineHub:
    def __init__(self):
        self.lines: dict[str, dict[int, Line]] = {}

    async def connect(self, user_id, websocket):
        self.lines.setdefault(user_id, {})[id(websocket)] = Line(websocket)

    async def disconnect(self, user_id, websocket):
        line = self.lines.get(user_id, {}).pop(id(websocket), None)
        if line is not None:
            line.open = False
            line.waiting.clear()
            if not self.lines[user_id]:
                del self.lines[user_id]

    async def send_event(self, user_id, event):
        mine = []
        for line in self.lines.get(user_id, {}).values():
            line.waiting.append(copy.deepcopy(event))
            if not line.busy:
                line.busy = True
                mine.append(line)
        for line in mine:
            while line.open and line.waiting:
                try:
                    await line.websocket.send_json(line.waiting.pop(0))
                except (RuntimeError, ConnectionError):
                    pass
            line.busy = False


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    given_up = stage.start_publish("alice")
    stage.settle()
    stage.cancel(given_up)
    stage.release(phone)
    stage.publish("alice")


def create():
    return LineHub()
