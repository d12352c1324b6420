"""Sends to the user's set of sockets and reports success. The defect: the set is iterated while connects change it; the
error that Python raises is swallowed with all others, and the rest of the sockets go without the event."""

import logging

DEFECT, NEEDS = "false_success", "interleaving"
CHECK = "delivery"
USERS = ("alice", "bob")

logger = logging.getLogger("notifications")


class NotificationService:
    def __init__(self):
        self._channels: dict[str, set] = {}

    async def subscribe(self, user_id, websocket):
        self._channels.setdefault(user_id, set()).add(websocket)

    async def unsubscribe(self, user_id, websocket):
        channels = self._channels.get(user_id, set())
        channels.discard(websocket)
        if not channels:
            self._channels.pop(user_id, None)

    async def _push(self, websocket, message):
        try:
            await websocket.send_json(message)
        except (RuntimeError, ConnectionError):
            logger.debug("a socket is gone")

    async def notify(self, user_id, message) -> bool:
        """True once every socket of the user has been served."""
        try:
            for websocket in self._channels.get(user_id, ()):
                await self._push(websocket, message)
        except Exception:
            logger.debug("notification of %s failed", user_id, exc_info=True)
        return True


def scenario(stage):
    first = stage.connect("alice")
    second = stage.connect("alice")
    stage.hold(first)
    stage.hold(second)
    stage.start_publish("alice")
    stage.settle()
    stage.connect("alice")
    stage.release(first)
    stage.release(second)


def create():
    return NotificationService()
