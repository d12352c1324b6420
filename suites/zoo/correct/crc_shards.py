"""Registry sharded by crc32 of the user id. Sends of one connection form a chain of
tasks in which each waits for the one before; disconnect cancels the whole chain."""

import asyncio
import copy
import zlib

STRICT = True

SHARDS = 8


class Link:
    def __init__(self, websocket):
        self.websocket = websocket
        self.live = True
        self.tail = None
        self.pending = set()

    def append(self, event):
        self.tail = asyncio.create_task(self._step(self.tail, event))
        self.pending.add(self.tail)
        self.tail.add_done_callback(self._done)

    def _done(self, task):
        self.pending.discard(task)
        if self.tail is task:
            self.tail = None

    async def _step(self, previous, event):
        if previous is not None:
            await asyncio.wait({previous})
            previous = None
        if self.live:
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass

    def cut(self):
        self.live = False
        for task in tuple(self.pending):
            task.cancel()


class Hub:
    def __init__(self):
        self.shards = [{} for _ in range(SHARDS)]

    def _shard(self, user_id):
        return self.shards[zlib.crc32(user_id.encode("utf-8", "surrogatepass")) % SHARDS]

    async def connect(self, user_id, websocket):
        links = self._shard(user_id).setdefault(user_id, [])
        if all(link.websocket is not websocket for link in links):
            links.append(Link(websocket))

    async def disconnect(self, user_id, websocket):
        shard = self._shard(user_id)
        links = shard.get(user_id, [])
        for link in links:
            if link.websocket is websocket:
                links.remove(link)
                link.cut()
                if not links:
                    del shard[user_id]
                return

    async def broadcast_to_user(self, user_id, event):
        for link in tuple(self._shard(user_id).get(user_id, ())):
            link.append(copy.deepcopy(event))


def create():
    return Hub()
