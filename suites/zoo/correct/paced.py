"""A hundred frames a second and connection at most: what comes faster waits its turn."""

import asyncio
import json
from collections import deque

STRICT = True
SEARCHES = ("delivery",)

GAP = 0.01


class Paced:
    def __init__(self):
        self.queues = {}
        self.owners = {}
        self.pacers = {}

    async def connect(self, user_id, websocket):
        self.owners[websocket] = user_id
        self.queues[websocket] = deque()

    async def disconnect(self, user_id, websocket):
        self.owners.pop(websocket, None)
        self.queues.pop(websocket, None)
        pacer = self.pacers.pop(websocket, None)
        if pacer is not None:
            pacer.cancel()

    async def broadcast_to_user(self, user_id, event):
        frame = json.dumps(event)
        for websocket, owner in self.owners.items():
            if owner == user_id:
                self.queues[websocket].append(frame)
                if websocket not in self.pacers:
                    self.pacers[websocket] = asyncio.create_task(self._pace(websocket, self.queues[websocket]))

    async def _pace(self, websocket, queue):
        while queue:
            try:
                await websocket.send_text(queue.popleft())
            except (RuntimeError, ConnectionError):
                pass
            await asyncio.sleep(GAP)
        del self.pacers[websocket]


def create():
    return Paced()
