"""Connections take numbered slots, the lowest free one first. Each time a slot changes hands its generation goes up, so
that a drain begun for one connection stops when another has the slot. A frame that is not written within ten seconds is
put back, once, to be tried again. The defect: putting back does not ask for the generation.

It takes all of these, in this order:
1. a frame is being sent;
2. its user disconnects, and the send neither completes nor fails;
3. another user connects, and takes the slot;
4. the ten seconds are over, with that send still under way;
5. an event for the other user empties the slot's backlog.
"""

import asyncio
import json
from collections import deque

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

DEADLINE = 10.0


class Slot:
    def __init__(self):
        self.generation = 0
        self.websocket = None
        self.user_id = None
        self.backlog = deque()
        self.draining = False

    def change_hands(self, user_id, websocket):
        self.generation += 1
        self.user_id, self.websocket = user_id, websocket
        self.backlog.clear()
        self.draining = False


class SlotTable:
    def __init__(self):
        self.slots = []

    async def attach(self, user_id, websocket):
        slot = next((slot for slot in self.slots if slot.websocket is None), None)
        if slot is None:
            slot = Slot()
            self.slots.append(slot)
        slot.change_hands(user_id, websocket)

    async def detach(self, user_id, websocket):
        for slot in self.slots:
            if slot.user_id == user_id and slot.websocket is websocket:
                slot.change_hands(None, None)

    async def publish(self, user_id, event):
        frame = json.dumps(event)
        for slot in self.slots:
            if slot.user_id == user_id:
                slot.backlog.append((frame, 2))
                if not slot.draining:
                    slot.draining = True
                    asyncio.create_task(self._drain(slot, slot.generation))

    async def _drain(self, slot, generation):
        while slot.generation == generation and slot.backlog:
            frame, tries = slot.backlog.popleft()
            try:
                async with asyncio.timeout(DEADLINE):
                    await slot.websocket.send_text(frame)
            except TimeoutError:
                if tries > 1:
                    slot.backlog.appendleft((frame, tries - 1))
            except (RuntimeError, ConnectionError):
                pass
        if slot.generation == generation:
            slot.draining = False


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.publish("alice")
    stage.disconnect(phone)
    stage.connect("bob")
    stage.sleep(10)
    stage.publish("bob")


def create():
    return SlotTable()
