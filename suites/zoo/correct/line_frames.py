"""Inside `async with hub.connection(user, socket)` a writer sends what has gathered as lines of JSON, deflated, in one
frame."""

import asyncio
import contextlib
import json
import zlib


class Hub:
    def __init__(self):
        self.outboxes = {}

    @contextlib.asynccontextmanager
    async def connection(self, user_id, websocket):
        outbox, filled = [], asyncio.Event()
        writer = asyncio.create_task(self._write(websocket, outbox, filled))
        self.outboxes.setdefault(user_id, {})[websocket] = outbox, filled
        try:
            yield
        finally:
            del self.outboxes[user_id][websocket]
            if not self.outboxes[user_id]:
                del self.outboxes[user_id]
            writer.cancel()
            await asyncio.wait({writer})

    async def _write(self, websocket, outbox, filled):
        with contextlib.suppress(RuntimeError, ConnectionError):
            while await filled.wait():
                lines = "\n".join(outbox)
                outbox.clear()
                filled.clear()
                await websocket.send_bytes(zlib.compress(lines.encode()))

    async def broadcast_to_user(self, user_id, event):
        line = json.dumps(event)
        for outbox, filled in self.outboxes.get(user_id, {}).values():
            outbox.append(line)
            filled.set()


def create():
    return Hub()
