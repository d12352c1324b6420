"""Each user has numbered seats; a newcomer takes over the seat of a socket whose peer has vanished. The defect: when
the old socket's disconnect comes in late it clears its seat, in which the newcomer sits by then."""

DEFECT, NEEDS = "loss", "fault"
CHECK = "delivery"
USERS = ("alice", "bob")


class SeatMap:
    """Fixed rows of seats keep the fan-out list short when phones drop off and come back all day."""

    def __init__(self):
        self.rows = {}
        self.seat_of = {}

    async def connect(self, user_id, websocket):
        row = self.rows.setdefault(user_id, [])
        for number, occupant in enumerate(row):
            if occupant is None or occupant.client_state.name == "DISCONNECTED":
                row[number] = websocket
                break
        else:
            number = len(row)
            row.append(websocket)
        self.seat_of[websocket] = number

    async def disconnect(self, user_id, websocket):
        number = self.seat_of.pop(websocket, None)
        row = self.rows.get(user_id, [])
        if number is None or number >= len(row):
            return
        row[number] = None
        if not any(row):
            del self.rows[user_id]

    async def emit_to_user(self, user_id, data):
        row = self.rows.get(user_id, [])
        for number, websocket in enumerate(list(row)):
            if websocket is None or row[number] is not websocket:
                continue
            try:
                await websocket.send_json(data)
            except (RuntimeError, ConnectionError):
                continue


def scenario(stage):
    stage.connect("bob")
    old = stage.connect("alice")
    stage.fail(old)
    stage.connect("alice")
    stage.disconnect(old)
    stage.publish("alice")


def create():
    return SeatMap()
