"""Connections are known by session numbers, handed out upwards; when the last one has gone, numbering starts again at
1. A publish notes the numbers of its user's sessions and looks each up when its turn comes. The defect: a number that a
waiting publish has noted can name somebody else's session by then.

It takes all of these, in this order:
1. a publish for a user with two connections notes both numbers, and waits on the first send;
2. both connections leave, nobody else is connected, and the count starts anew;
3. somebody connects and is given the first number;
4. another user connects and is given the second;
5. the first send completes.
"""

DEFECT, NEEDS = "leak", "interleaving"
CHECK = "isolation"
USERS = ("alice", "bob")


class Switchboard:
    def __init__(self):
        self.sessions = {}
        self.latest = 0

    async def connect(self, user_id, websocket):
        self.latest += 1
        self.sessions[self.latest] = (user_id, websocket)

    async def disconnect(self, user_id, websocket):
        for number, session in self.sessions.items():
            if session == (user_id, websocket):
                del self.sessions[number]
                break
        if not self.sessions:
            self.latest = 0

    async def send_to_user(self, user_id, event):
        """Deliver `event` to every session the user has now, one after another; says how many took it."""
        numbers = [number for number, (owner, _) in self.sessions.items() if owner == user_id]
        delivered = 0
        for number in numbers:
            if number not in self.sessions:
                continue
            _, websocket = self.sessions[number]
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                continue
            delivered += 1
        return delivered


def scenario(stage):
    phone = stage.connect("alice")
    laptop = stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice")
    stage.settle()
    stage.disconnect(phone)
    stage.disconnect(laptop)
    stage.connect("bob")
    stage.connect("bob")
    stage.release(phone)


def create():
    return Switchboard()
