"""A round over the user's sockets starts again when the membership changed meanwhile, so that nobody is missed. The
defect: the sockets that the first attempt served are served again."""

from types import MappingProxyType

DEFECT, NEEDS = "duplicate", "interleaving"
CHECK = "duplicate"
USERS = ("alice", "bob")

NOBODY = MappingProxyType({})


class OptimisticBroadcaster:
    def __init__(self):
        self._members = {}
        self._version = 0

    async def connect(self, user_id, ws):
        self._members.setdefault(user_id, {})[ws] = None
        self._version += 1

    async def disconnect(self, user_id, ws):
        members = self._members.get(user_id, {})
        members.pop(ws, None)
        if not members:
            self._members.pop(user_id, None)
        self._version += 1

    async def publish(self, user_id, msg):
        """Returns the number of sockets that took the message."""
        took = set()
        while True:
            version = self._version
            for ws in tuple(self._members.get(user_id, NOBODY)):
                try:
                    await ws.send_json(msg)
                    took.add(ws)
                except (RuntimeError, ConnectionError):
                    pass
                if version != self._version:
                    break
            else:
                return len(took)


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice")
    stage.settle()
    stage.connect("alice")
    stage.release(phone)


def create():
    return OptimisticBroadcaster()
