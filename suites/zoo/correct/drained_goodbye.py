"""A disconnect lets the writer send what is queued, for two seconds at most; then the rest is dropped."""

import asyncio
import json
from contextlib import suppress

STRICT = True


class Writer:
    def __init__(self, websocket):
        self.websocket = websocket
        self.queue = asyncio.Queue()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while True:
            frame = await self.queue.get()
            with suppress(RuntimeError, ConnectionError):
                await self.websocket.send_text(frame)
            self.queue.task_done()


class Hub:
    def __init__(self):
        self.writers = {}

    async def connect(self, user_id, websocket):
        self.writers.setdefault(user_id, {})[websocket] = Writer(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.writers.get(user_id, {})
        writer = mine.pop(websocket, None)
        if not mine:
            self.writers.pop(user_id, None)
        if writer is not None:
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(2.0):
                        await writer.queue.join()
            finally:
                writer.task.cancel()

    async def broadcast_to_user(self, user_id, event):
        for writer in self.writers.get(user_id, {}).values():
            writer.queue.put_nowait(json.dumps(event))


def create():
    return Hub()
