"""A journal notes what was sent to whom, for the support desk. The defect: it is never trimmed."""

import time
from dataclasses import dataclass, field

DEFECT, NEEDS = "growth", "sequence"
CHECK = "cleanup"
USERS = ("alice", "bob")


@dataclass(frozen=True)
class Entry:
    at: float
    user_id: str
    kind: str
    receivers: int


@dataclass
class JournalledHub:
    rooms: dict[str, list] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)

    async def register(self, user_id, socket):
        self.rooms.setdefault(user_id, []).append(socket)

    async def unregister(self, user_id, socket):
        room = self.rooms.get(user_id, [])
        if socket in room:
            room.remove(socket)
        if not room:
            self.rooms.pop(user_id, None)

    async def publish(self, user_id, event):
        receivers = 0
        for socket in list(self.rooms.get(user_id, ())):
            if socket not in self.rooms.get(user_id, ()):
                continue
            try:
                await socket.send_json(event)
            except (RuntimeError, ConnectionError):
                continue
            receivers += 1
        self.journal.append(Entry(time.time(), user_id, event["type"], receivers))
        return receivers

    def recent(self, user_id, count=20):
        """What the support desk sees of a user."""
        return [entry for entry in self.journal if entry.user_id == user_id][-count:]


def scenario(stage):
    for _ in range(20):
        connection = stage.connect("alice")
        for _ in range(3):
            stage.publish("alice")
        stage.disconnect(connection)
        stage.census()


def create():
    return JournalledHub()
