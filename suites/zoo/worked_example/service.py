"""The third, which is to remain: a queue and a writer for each connection."""

import asyncio
import copy


class BroadcastService:
    def __init__(self):
        self.connections = {}

    async def connect(self, user_id, websocket):
        queue = asyncio.Queue()
        writer = asyncio.create_task(self._write(websocket, queue))
        self.connections.setdefault(user_id, {})[websocket] = (queue, writer)

    async def disconnect(self, user_id, websocket):
        mine = self.connections.get(user_id, {})
        _, writer = mine.pop(websocket)
        writer.cancel()
        if not mine:
            del self.connections[user_id]

    async def broadcast_to_user(self, user_id, event):
        mine = self.connections.get(user_id, {})
        for queue, _ in mine.values():
            queue.put_nowait(copy.deepcopy(event))
        return len(mine)

    async def _write(self, websocket, queue):
        while True:
            event = await queue.get()
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
