"""Nothing here is async but the writers: connecting, disconnecting and broadcasting are plain calls, and a frame is a
task in a chain that its connection keeps the end of."""

import asyncio
import json

STRICT = True
SEARCHES = ("delivery",)


class Chain:
    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = []
        self.task = None

    def add(self, frame):
        self.frames.append(frame)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._send_next())

    async def _send_next(self):
        try:
            await self.websocket.send_text(self.frames.pop(0))
        except (RuntimeError, ConnectionError):
            pass
        self.task = asyncio.get_running_loop().create_task(self._send_next()) if self.frames else None

    def cut(self):
        if self.task is not None:
            self.task.cancel()


class SyncBroadcaster:
    def __init__(self):
        self.chains = {}

    def connect(self, user_id, websocket):
        self.chains.setdefault((user_id, websocket), Chain(websocket))

    def disconnect(self, user_id, websocket):
        chain = self.chains.pop((user_id, websocket), None)
        if chain is not None:
            chain.cut()

    def broadcast(self, user_id, event):
        frame = json.dumps(event)
        for (owner, _), chain in self.chains.items():
            if owner == user_id:
                chain.add(frame)


def create():
    return SyncBroadcaster()
