"""A session has a list of sockets. The defect: the list is an argument's default value, and so the same for all."""

DEFECT, NEEDS = "leak", "sequence"
CHECK = "isolation"
USERS = ("alice", "bob")


class Session:
    def __init__(self, user_id, sockets=[]):
        self.user_id = user_id
        self.sockets = sockets


class SessionHub:
    def __init__(self):
        self.sessions = {}

    async def connect(self, user_id, websocket):
        session = self.sessions.get(user_id)
        if session is None:
            session = self.sessions[user_id] = Session(user_id)
        session.sockets.append(websocket)

    async def disconnect(self, user_id, websocket):
        session = self.sessions.get(user_id)
        if session is not None and websocket in session.sockets:
            session.sockets.remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        session = self.sessions.get(user_id)
        for websocket in list(session.sockets) if session is not None else ():
            if websocket in session.sockets:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.connect("alice")
    stage.connect("bob")
    stage.publish("alice")


def create():
    return SessionHub()
