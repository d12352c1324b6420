"""encode/broadcaster with its memory backend, one channel a user, each connection reading its subscription.

Seen: clean. `subscribe` gives each connection a queue of its own, the one listener task copies an event into the
queues of its channel without awaiting in between, and a queue is taken out of the channel when its reader ends.
"""

import asyncio
import json

from broadcaster import Broadcast


class Memory:
    def __init__(self):
        self.broadcast = Broadcast("memory://")
        self.readers = {}

    async def connect(self, user_id, websocket):
        subscribed = asyncio.get_running_loop().create_future()
        reader = asyncio.create_task(self._read(user_id, websocket, subscribed))
        try:
            await subscribed
        except asyncio.CancelledError:
            reader.cancel()
            raise
        self.readers[websocket] = reader

    async def _read(self, user_id, websocket, subscribed):
        async with self.broadcast.subscribe(channel=user_id) as subscriber:
            subscribed.set_result(None)
            try:
                async for event in subscriber:
                    await websocket.send_text(event.message)
            except (RuntimeError, ConnectionError):
                return

    async def disconnect(self, user_id, websocket):
        reader = self.readers.pop(websocket)
        reader.cancel()
        await asyncio.wait([reader])

    async def publish(self, user_id, event):
        await self.broadcast.publish(channel=user_id, message=json.dumps(event))


async def create():
    memory = Memory()
    await memory.broadcast.connect()
    return memory
