"""Connections take numbered slots, the lowest free one first. Each time a slot changes hands its generation goes up;
nothing that was begun for one generation goes on in the next, not even a frame that is put back, once, because it was
not written within ten seconds."""

import asyncio
import heapq
import json
from collections import deque

DEADLINE = 10.0


class Slot:
    def __init__(self, number):
        self.number = number
        self.generation = 0
        self.websocket = None
        self.backlog = deque()
        self.draining = False

    def change_hands(self, websocket):
        self.generation += 1
        self.websocket = websocket
        self.backlog.clear()
        self.draining = False


class SlotTable:
    def __init__(self):
        self.slots = []
        self.free = []
        self.taken = {}

    async def attach(self, user_id, websocket):
        if not self.free:
            self.slots.append(Slot(len(self.slots)))
            heapq.heappush(self.free, len(self.slots) - 1)
        slot = self.slots[heapq.heappop(self.free)]
        slot.change_hands(websocket)
        self.taken.setdefault(user_id, []).append(slot)

    async def detach(self, user_id, websocket):
        slots = self.taken.get(user_id, [])
        for slot in slots:
            if slot.websocket is websocket:
                slots.remove(slot)
                slot.change_hands(None)
                heapq.heappush(self.free, slot.number)
                break
        if not slots:
            self.taken.pop(user_id, None)

    async def publish(self, user_id, event):
        frame = json.dumps(event)
        for slot in self.taken.get(user_id, ()):
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
                if tries > 1 and slot.generation == generation:
                    slot.backlog.appendleft((frame, tries - 1))
            except (RuntimeError, ConnectionError):
                pass
        if slot.generation == generation:
            slot.draining = False


def create():
    return SlotTable()
