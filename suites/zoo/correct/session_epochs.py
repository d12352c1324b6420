"""Sessions are known by epochs, which count up and never start again, and exist once the handshake is over. A publish
notes the epochs of its user's sessions, and one that has ended by the time its turn comes is skipped."""

import itertools

SEARCHES = ("delivery",)


class SessionTable:
    def __init__(self):
        self.sessions = {}
        self.epochs = itertools.count(1)

    async def connect(self, user_id, websocket):
        await websocket.accept()
        self.sessions[next(self.epochs)] = (user_id, websocket)

    async def disconnect(self, user_id, websocket):
        for epoch, session in self.sessions.items():
            if session == (user_id, websocket):
                del self.sessions[epoch]
                break

    async def send_to_user(self, user_id, event):
        """Deliver `event` to every session the user has now, one after another; says how many took it."""
        epochs = [epoch for epoch, (owner, _) in self.sessions.items() if owner == user_id]
        delivered = 0
        for epoch in epochs:
            if epoch not in self.sessions:
                continue
            _, websocket = self.sessions[epoch]
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                continue
            delivered += 1
        return delivered


def create():
    return SessionTable()
