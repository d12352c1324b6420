"""A presence counter a user says how many sockets an event went to. The defect: a socket that was pruned after a failed
send is never counted out, so that the number stays too high."""

from collections import Counter, defaultdict

DEFECT, NEEDS = "false_success", "fault"
CHECK = "truthful_count"
USERS = ("alice", "bob")


class PresenceBroadcaster:
    def __init__(self):
        self.sockets = defaultdict(list)
        self.presence = Counter()

    async def connect(self, user_id, websocket):
        self.sockets[user_id].append(websocket)
        self.presence[user_id] += 1

    async def disconnect(self, user_id, websocket):
        if self._forget(user_id, websocket):
            self.presence[user_id] -= 1
            if not self.presence[user_id]:
                del self.presence[user_id]

    def _forget(self, user_id, websocket):
        if websocket not in self.sockets.get(user_id, ()):
            return False
        self.sockets[user_id].remove(websocket)
        if not self.sockets[user_id]:
            del self.sockets[user_id]
        return True

    async def broadcast_to_user(self, user_id, event) -> int:
        """Send `event` to every socket of the user; returns the audience reached."""
        for websocket in list(self.sockets.get(user_id, ())):
            if websocket in self.sockets.get(user_id, ()):
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    self._forget(user_id, websocket)
        return self.presence.get(user_id, 0)


def scenario(stage):
    lost = stage.connect("alice")
    stage.fail(lost)
    stage.publish("alice")
    stage.disconnect(lost)
    stage.connect("alice")
    stage.publish("alice")


def create():
    return PresenceBroadcaster()
