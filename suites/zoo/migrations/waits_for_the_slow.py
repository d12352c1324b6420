"""Moving waits until every event under way has been sent, and meanwhile holds everybody."""

import asyncio
import zlib

CHECK = "blocking"
OLD, NEW = "user_lock", "dict_of_sets"


class Switch:
    """Every connection is registered with both sides; each user is served by one."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.sockets = {}
        self.serving = {}
        self.gate = asyncio.Lock()
        self.idle = asyncio.Event()
        self.under_way = 0

    async def connect(self, user_id, websocket):
        for side in self.sides:
            await side.connect(user_id, websocket)
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.sockets.get(user_id, [])
        if websocket in mine:
            mine.remove(websocket)
        if not mine:
            self.sockets.pop(user_id, None)
            self.serving.pop(user_id, None)
        for side in self.sides:
            await side.disconnect(user_id, websocket)

    async def broadcast_to_user(self, user_id, event):
        async with self.gate:
            self.under_way += 1
        try:
            return await self.sides[self.serving.get(user_id, 0)].broadcast_to_user(user_id, event)
        finally:
            self.under_way -= 1
            self.idle.set()

    async def move(self, share, cohort):
        async with self.gate:
            while self.under_way:
                self.idle.clear()
                await self.idle.wait()
            for user_id in list(self.sockets):
                self.serving[user_id] = int(user_id in cohort or share > crc(user_id))


def crc(user_id):
    return zlib.crc32(user_id.encode()) % 100 / 100
