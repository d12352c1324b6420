"""Each connection has a queue of sixteen frames at most; a client that lets it fill up is taken off the list, and its
connection is closed with "try again later"."""

import asyncio
import json

STRICT = True

DEPTH = 16
TRY_AGAIN_LATER = 1013


class Outbound:
    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = asyncio.Queue(DEPTH)
        self.writer = asyncio.create_task(self._write())

    async def _write(self):
        while True:
            frame = await self.frames.get()
            try:
                await self.websocket.send_text(frame)
            except (RuntimeError, ConnectionError):
                return


class StrictHub:
    def __init__(self):
        self.users: dict[str, dict[object, Outbound]] = {}
        self.closing: set[asyncio.Task] = set()

    async def connect(self, websocket, user_id: str) -> None:
        self.users.setdefault(user_id, {}).setdefault(websocket, Outbound(websocket))

    async def disconnect(self, websocket, user_id: str) -> None:
        self._remove(user_id, websocket)

    def _remove(self, user_id: str, websocket) -> None:
        outbounds = self.users.get(user_id, {})
        outbound = outbounds.pop(websocket, None)
        if outbound is not None:
            outbound.writer.cancel()
            if not outbounds:
                del self.users[user_id]

    async def send_to_user(self, user_id: str, message: dict) -> int:
        """How many connections the message is queued for."""
        frame = json.dumps(message)
        queued = 0
        for websocket, outbound in list(self.users.get(user_id, {}).items()):
            try:
                outbound.frames.put_nowait(frame)
                queued += 1
            except asyncio.QueueFull:
                self._remove(user_id, websocket)
                task = asyncio.create_task(self._close(websocket))
                self.closing.add(task)
                task.add_done_callback(self.closing.discard)
        return queued

    async def _close(self, websocket) -> None:
        try:
            await websocket.close(TRY_AGAIN_LATER)
        except (RuntimeError, ConnectionError):
            pass


def create():
    return StrictHub()
