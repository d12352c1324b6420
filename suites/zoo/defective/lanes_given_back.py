"""Publishes borrow a lane from a pool; a lane lists the sockets it writes to and its writes under way, and is cleared
when it is given back, once its writes are done. The defect: when the wait for those writes is itself cancelled, the
lane is given back uncleared, and the next borrower's event also goes to the sockets of the one before.

It takes all of these, in this order:
1. a publish waits on a send;
2. it is cancelled, and waits for that send before it gives its lane back;
3. it is cancelled again, while the send is still under way;
4. another user's event is published.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

DEFECT, NEEDS = "leak", "cancellation"
CHECK = "isolation"
USERS = ("alice", "bob")


@dataclass(eq=False)
class Lane:
    sockets: set = field(default_factory=set)
    writes: set = field(default_factory=set)

    async def clear(self):
        """A frame that is half written has to be finished."""
        under_way = [write for write in self.writes if not write.done()]
        if under_way:
            await asyncio.wait(under_way)
        self.writes.clear()
        self.sockets.clear()


class LaneBroadcaster:
    def __init__(self):
        self.members: dict[str, set] = {}
        self.idle: list[Lane] = []

    async def add_connection(self, user_id: str, websocket) -> None:
        self.members.setdefault(user_id, set()).add(websocket)

    async def remove_connection(self, user_id: str, websocket) -> None:
        group = self.members.get(user_id, set())
        group.discard(websocket)
        if not group:
            self.members.pop(user_id, None)

    @contextlib.asynccontextmanager
    async def lane(self):
        lane = self.idle.pop() if self.idle else Lane()
        try:
            yield lane
        finally:
            try:
                await lane.clear()
            finally:
                self.idle.append(lane)

    async def broadcast_to_user(self, user_id: str, message: dict) -> None:
        text = json.dumps(message)
        async with self.lane() as lane:
            lane.sockets |= self.members.get(user_id, set())
            lane.writes |= {asyncio.create_task(self._write(lane, ws, text)) for ws in lane.sockets}
            if lane.writes:
                await asyncio.wait(lane.writes)

    async def _write(self, lane: Lane, websocket, text: str) -> None:
        if any(websocket in group for group in self.members.values()):
            with contextlib.suppress(RuntimeError, ConnectionError):
                await websocket.send_text(text)


def scenario(stage):
    phone = stage.connect("alice")
    stage.connect("bob")
    stage.hold(phone)
    publishing = stage.start_publish("alice")
    stage.settle()
    stage.cancel(publishing)
    stage.cancel(publishing)
    stage.publish("bob")


def create():
    return LaneBroadcaster()
