"""Each connection has an outbox of 256 frames; a client so slow that it fills up loses the oldest ones."""

import asyncio
import json
from collections import deque

STRICT = True


class Outbox:
    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = deque(maxlen=256)
        self.bell = asyncio.Event()
        self.task = asyncio.ensure_future(self.run())

    async def run(self):
        while True:
            await self.bell.wait()
            while self.frames:
                try:
                    await self.websocket.send_text(self.frames.popleft())
                except (ConnectionError, RuntimeError):
                    return
            self.bell.clear()


class Hub:
    def __init__(self):
        self.outboxes = {}

    async def connect(self, user_id, websocket):
        self.outboxes.setdefault(user_id, []).append(Outbox(websocket))

    async def disconnect(self, user_id, websocket):
        kept = []
        for outbox in self.outboxes.pop(user_id, []):
            if outbox.websocket is websocket:
                outbox.task.cancel()
            else:
                kept.append(outbox)
        if kept:
            self.outboxes[user_id] = kept

    async def broadcast_to_user(self, user_id, event):
        frame = json.dumps(event)
        for outbox in self.outboxes.get(user_id, ()):
            outbox.frames.append(frame)
            outbox.bell.set()


def create():
    return Hub()
