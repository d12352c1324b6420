"""Sends run in parallel, but not too many at a time. The defect: the two slots are shared by all users, and a stalled
send keeps its slot."""

import asyncio

DEFECT, NEEDS = "blocking", "scale"
CHECK = "blocking"
USERS = ("alice", "bob")


class SlottedBroadcaster:
    def __init__(self, slots: int = 2):
        self._slots = asyncio.Semaphore(slots)
        self._by_user: dict[str, set] = {}

    async def register(self, ws, user_id: str):
        self._by_user.setdefault(user_id, set()).add(ws)

    async def unregister(self, ws, user_id: str):
        group = self._by_user.get(user_id)
        if group:
            group.discard(ws)
            if not group:
                del self._by_user[user_id]

    async def _deliver(self, ws, user_id: str, payload) -> bool:
        async with self._slots:
            if ws not in self._by_user.get(user_id, ()):
                return False
            try:
                await ws.send_json(payload)
            except (RuntimeError, ConnectionError):
                return False
            return True

    async def send_event(self, user_id: str, payload) -> int:
        group = self._by_user.get(user_id, ())
        results = await asyncio.gather(*(self._deliver(ws, user_id, payload) for ws in group))
        return results.count(True)


def scenario(stage):
    first = stage.connect("alice")
    second = stage.connect("alice")
    stage.connect("bob")
    stage.stall(first)
    stage.stall(second)
    stage.start_publish("alice")
    stage.start_publish("alice")
    stage.settle()
    stage.start_publish("bob")
    stage.settle()


def create():
    return SlottedBroadcaster()
