"""Who connected while NEW served is not known to OLD: after the roll-back they are sent nothing."""

import zlib

CHECK = "delivery"
OLD, NEW = "user_lock", "dict_of_sets"


class Switch:
    """Every connection is registered with both sides; each user is served by one."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.sockets = {}
        self.serving = {}
        self.share = 0.0

    async def connect(self, user_id, websocket):
        for side in self.sides[int(self.share == 1.0) :]:
            await side.connect(user_id, websocket)
        self.sockets.setdefault(user_id, []).append(websocket)
        self.serving.setdefault(user_id, int(self.share == 1.0))

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
        self.share = share
        for user_id in list(self.sockets):
            self.serving[user_id] = int(user_id in cohort or share > crc(user_id))


def crc(user_id):
    return zlib.crc32(user_id.encode()) % 100 / 100
