"""A new connection is first sent the last event of its user, then what comes; both through its writer."""

import asyncio
import json


class Hub:
    def __init__(self):
        self.latest = {}
        self.queues = {}

    async def connect(self, user_id, websocket):
        queue = asyncio.Queue()
        if user_id in self.latest:
            queue.put_nowait(json.dumps({"type": "state", "latest": self.latest[user_id]}))
        writer = asyncio.create_task(self._write(websocket, queue))
        self.queues.setdefault(user_id, {})[websocket] = (queue, writer)

    async def disconnect(self, user_id, websocket):
        mine = self.queues.get(user_id, {})
        _, writer = mine.pop(websocket, (None, None))
        if writer is not None:
            writer.cancel()
        if not mine:
            self.queues.pop(user_id, None)
            self.latest.pop(user_id, None)

    async def _write(self, websocket, queue):
        while True:
            frame = await queue.get()
            try:
                await websocket.send_text(frame)
            except (RuntimeError, ConnectionError):
                pass

    async def broadcast_to_user(self, user_id, event):
        frame = json.dumps(event)
        if user_id in self.queues:
            self.latest[user_id] = json.loads(frame)
        for queue, _ in self.queues.get(user_id, {}).values():
            queue.put_nowait(frame)


def create():
    return Hub()
