"""Outboxes are taken from a pool and given back when their connection ends. The defect: what was still in one is sent
to the next connection that gets it."""

import asyncio
import json
from collections import deque

DEFECT, NEEDS = "leak", "interleaving"
CHECK = "isolation"
USERS = ("alice", "bob")


class Outbox:
    def __init__(self):
        self.frames = deque()
        self.bell = asyncio.Event()


class OutboxPool:
    def __init__(self):
        self.spare = []
        self.served = {}

    async def connect(self, user_id, websocket):
        outbox = self.spare.pop() if self.spare else Outbox()
        writer = asyncio.create_task(self._write(websocket, outbox))
        self.served.setdefault(user_id, {})[websocket] = (outbox, writer)

    async def disconnect(self, user_id, websocket):
        outbox, writer = self.served.get(user_id, {}).pop(websocket, (None, None))
        if outbox is not None:
            writer.cancel()
            self.spare.append(outbox)
            if not self.served[user_id]:
                del self.served[user_id]

    async def _write(self, websocket, outbox):
        while True:
            while outbox.frames:
                frame = outbox.frames.popleft()
                try:
                    await websocket.send_text(frame)
                except (RuntimeError, ConnectionError):
                    pass
            outbox.bell.clear()
            await outbox.bell.wait()

    async def broadcast_to_user(self, user_id, event):
        for outbox, _ in self.served.get(user_id, {}).values():
            outbox.frames.append(json.dumps(event))
            outbox.bell.set()


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.publish("alice")
    stage.publish("alice")
    stage.disconnect(phone)
    stage.connect("bob")


def create():
    return OutboxPool()
