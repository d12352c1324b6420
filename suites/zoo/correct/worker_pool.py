"""Four workers; a user's events always go to the same worker, which starts when it is first needed and stays. Each send
is a task of its own in the connection's chain, so that a worker never waits for a client."""

import asyncio
import copy
import zlib

STRICT = True

WORKERS = 4


class Slot:
    def __init__(self, websocket):
        self.websocket = websocket
        self.open = True
        self.tail = None


class Pool:
    def __init__(self):
        self.queues = [asyncio.Queue() for _ in range(WORKERS)]
        self.tasks = [None] * WORKERS
        self.slots = {}

    def _shard(self, user_id):
        return zlib.crc32(user_id.encode()) % WORKERS

    async def connect(self, user_id, websocket):
        self.slots.setdefault(user_id, []).append(Slot(websocket))
        shard = self._shard(user_id)
        if self.tasks[shard] is None:
            self.tasks[shard] = asyncio.create_task(self._work(self.queues[shard]))

    async def disconnect(self, user_id, websocket):
        slots = self.slots.get(user_id, [])
        for slot in slots:
            if slot.websocket is websocket and slot.open:
                slot.open = False
                slots.remove(slot)
                if slot.tail is not None:
                    slot.tail.cancel()
                break
        if not slots:
            self.slots.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        slots = tuple(self.slots.get(user_id, ()))
        if slots:
            await self.queues[self._shard(user_id)].put((slots, copy.deepcopy(event)))

    async def _work(self, queue):
        while True:
            slots, event = await queue.get()
            for slot in slots:
                if slot.open:
                    slot.tail = asyncio.create_task(self._send(slot, event, slot.tail))

    async def _send(self, slot, event, before):
        if before is not None:
            await asyncio.wait({before})
        if slot.open:
            try:
                await slot.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def create():
    return Pool()
