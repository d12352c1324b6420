"""A queue and a writer a connection; the end of a connection is an entry in the queue's place: what is queued before it
is dropped, and the disconnect waits until the writer is through."""

import asyncio
import json

STRICT = True

END = object()


class Line:
    def __init__(self, websocket):
        self.websocket = websocket
        self.queue = asyncio.Queue()
        self.ended = False
        self.writer = asyncio.create_task(self.write())

    async def write(self):
        while True:
            entry = await self.queue.get()
            if entry is END:
                return
            if not self.ended:
                try:
                    await self.websocket.send_text(entry)
                except (RuntimeError, ConnectionError):
                    self.ended = True

    async def end(self):
        self.ended = True
        self.queue.put_nowait(END)
        await self.writer


class Lines:
    def __init__(self):
        self.lines = {}

    async def connect(self, user_id, websocket):
        self.lines.setdefault(user_id, {})[websocket] = Line(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.lines.get(user_id, {})
        line = mine.pop(websocket, None)
        if not mine:
            self.lines.pop(user_id, None)
        if line is not None:
            await line.end()

    async def broadcast_to_user(self, user_id, event):
        for line in self.lines.get(user_id, {}).values():
            line.queue.put_nowait(json.dumps(event))


def create():
    return Lines()
