"""Server-sent events: connecting gives an async generator that yields text until the client has gone."""

import asyncio
import json

STRICT = True


class EventStream:
    def __init__(self):
        self.listeners = {}

    async def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.listeners.setdefault(user_id, []).append(queue)
        return self._read(user_id, queue)

    async def _read(self, user_id, queue):
        try:
            while True:
                data = await queue.get()
                if data is None:
                    return
                yield f"data: {data}\n\n"
        finally:
            self._forget(user_id, queue)

    def _forget(self, user_id, queue):
        queues = self.listeners.get(user_id, [])
        if queue in queues:
            queues.remove(queue)
        if not queues:
            self.listeners.pop(user_id, None)

    async def unsubscribe(self, user_id, stream):
        await stream.aclose()

    async def publish(self, user_id, event):
        data = json.dumps(event)
        for queue in self.listeners.get(user_id, ()):
            queue.put_nowait(data)


def create():
    return EventStream()
