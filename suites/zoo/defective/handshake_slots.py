"""A connection reserves a slot before its handshake and is active after it; who has not finished in ten seconds, or is
cancelled, gives the slot back. The defect: what is given back is the newest reservation, not one's own.

It takes all of these, in this order:
1. one connection is in its handshake;
2. another user's connection begins its own;
3. the first is cancelled, or its ten seconds are over, and the slot of the second is free;
4. the second finishes its handshake;
5. a third connection takes the same slot;
6. something is published for the second.
"""

import asyncio
import copy
from dataclasses import dataclass, field

DEFECT, NEEDS = "leak", "cancellation"
CHECK = "isolation"
USERS = ("alice", "bob", "carol")

HANDSHAKE = 10.0


@dataclass
class Slots:
    """`sockets` by slot; a slot is free, reserved (in the order of `reserved`) or in use."""

    sockets: list = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    reserved: list[int] = field(default_factory=list)

    def reserve(self) -> int:
        if not self.free:
            self.free.append(len(self.sockets))
            self.sockets.append(None)
        self.reserved.append(self.free.pop())
        return self.reserved[-1]

    def give_back(self):
        self.free.append(self.reserved.pop())

    def use(self, slot: int, websocket):
        if slot in self.reserved:
            self.reserved.remove(slot)
        self.sockets[slot] = websocket

    def release(self, slot: int):
        self.sockets[slot] = None
        self.free.append(slot)


class Gatehouse:
    def __init__(self):
        self.slots = Slots()
        self.users: dict[str, list[int]] = {}

    async def on_connect(self, user_id, websocket) -> bool:
        slot = self.slots.reserve()
        try:
            async with asyncio.timeout(HANDSHAKE):
                await websocket.accept()
        except (TimeoutError, RuntimeError, ConnectionError):
            self.slots.give_back()
            return False
        except asyncio.CancelledError:
            self.slots.give_back()
            raise
        self.slots.use(slot, websocket)
        self.users.setdefault(user_id, []).append(slot)
        return True

    async def on_disconnect(self, user_id, websocket):
        for slot in self.users.get(user_id, ()):
            if self.slots.sockets[slot] is websocket:
                self.slots.release(slot)
                self.users[user_id].remove(slot)
                break
        if not self.users.get(user_id):
            self.users.pop(user_id, None)

    async def notify(self, user_id, event):
        for slot in list(self.users.get(user_id, ())):
            if slot in self.users.get(user_id, ()):
                try:
                    await self.slots.sockets[slot].send_json(copy.deepcopy(event))
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    alice = stage.start_connect("alice")
    stage.start_connect("bob")
    stage.turn()
    stage.cancel_connect(alice)
    stage.settle()
    stage.connect("carol")
    stage.publish("bob")


def create():
    return Gatehouse()
