"""Sessions of a user are served one after another, and broken ones pruned. The defect: the first broken one ends the
round."""

import logging
from collections import defaultdict
from dataclasses import dataclass

DEFECT, NEEDS = "loss", "fault"
CHECK = "delivery"
USERS = ("alice", "bob")

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Session:
    websocket: object
    closed: bool = False


class NotificationCenter:
    """Keeps the sessions of each user and pushes notifications to them."""

    def __init__(self):
        self._sessions = defaultdict(list)

    async def register(self, user_id, websocket):
        self._sessions[user_id].append(Session(websocket))

    async def unregister(self, user_id, websocket):
        for session in list(self._sessions.get(user_id, ())):
            if session.websocket is websocket:
                self._drop(user_id, session)

    def _drop(self, user_id, session):
        session.closed = True
        sessions = self._sessions[user_id]
        if session in sessions:
            sessions.remove(session)
        if not sessions:
            del self._sessions[user_id]

    async def notify_user(self, user_id, message) -> int:
        """Push `message` to every session; returns how many took it."""
        taken = 0
        for session in list(self._sessions.get(user_id, ())):
            if session.closed:
                continue
            try:
                await session.websocket.send_json(message)
            except (RuntimeError, ConnectionError) as error:
                log.debug("session of %s is gone: %s", user_id, error)
                self._drop(user_id, session)
                break
            taken += 1
        return taken


def scenario(stage):
    phone = stage.connect("alice")
    stage.connect("alice")
    stage.connect("bob")
    stage.fail(phone)
    stage.publish("alice")
    stage.publish("bob")


def create():
    return NotificationCenter()
