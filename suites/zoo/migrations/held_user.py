"""The user who connects is held in an attribute, across a wait: another connection gets their name."""

import asyncio
import zlib

CHECK = "isolation"
OLD, NEW = "user_lock", "dict_of_sets"


class Switch:
    """Every connection is registered with both sides; each user is served by one."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.sockets = {}
        self.serving = {}
        self.turn = asyncio.Lock()

    async def connect(self, user_id, websocket):
        self.user_id = user_id
        async with self.turn:
            for side in self.sides:
                await side.connect(self.user_id, websocket)
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
        return await self.sides[self.serving.get(user_id, 0)].broadcast_to_user(user_id, event)

    async def move(self, share, cohort):
        async with self.turn:
            await asyncio.sleep(0.1)
        for user_id in list(self.sockets):
            self.serving[user_id] = int(user_id in cohort or share > crc(user_id))


def crc(user_id):
    return zlib.crc32(user_id.encode()) % 100 / 100
