"""A subscription is an async generator that its reader leaves; users are numbers, as in their table, and nobody calls
a disconnect."""

import asyncio


class Notifications:
    def __init__(self):
        self.queues: dict[int, set[asyncio.Queue]] = {}

    async def subscribe(self, user_id: int):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, set()).add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.queues[user_id].discard(queue)
            if not self.queues[user_id]:
                del self.queues[user_id]

    def publish(self, user_ids: list[int], event: dict):
        for user_id in user_ids:
            for queue in self.queues.get(user_id, ()):
                queue.put_nowait(dict(event))


def create():
    return Notifications()
