"""A user's connections leave OLD as soon as NEW has them: what OLD had queued is lost."""

import zlib

CHECK = "delivery"
OLD, NEW = "writer_queue", "user_lock"


class Switch:
    """Each user is on one side; moving takes their connections over."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.sockets = {}
        self.serving = {}
        self.wanted = (0.0, frozenset())

    def side_of(self, user_id):
        share, cohort = self.wanted
        return int(user_id in cohort or share > zlib.crc32(user_id.encode()) % 100 / 100)

    async def connect(self, user_id, websocket):
        side = self.serving.setdefault(user_id, self.side_of(user_id))
        self.sockets.setdefault(user_id, []).append(websocket)
        await self.sides[side].connect(user_id, websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.sockets.get(user_id, [])
        if websocket in mine:
            mine.remove(websocket)
        side = self.serving.get(user_id, 0)
        if not mine:
            self.sockets.pop(user_id, None)
            self.serving.pop(user_id, None)
        await self.sides[side].disconnect(user_id, websocket)

    async def broadcast_to_user(self, user_id, event):
        return await self.sides[self.serving.get(user_id, 0)].broadcast_to_user(user_id, event)

    async def move(self, share, cohort):
        self.wanted = (share, cohort)
        for user_id in list(self.sockets):
            await self.bring(user_id, self.side_of(user_id))

    async def bring(self, user_id, to):
        if self.serving.get(user_id, to) == to:
            return
        leaving, joining = self.sides[1 - to], self.sides[to]
        for websocket in list(self.sockets[user_id]):
            await joining.connect(user_id, websocket)
        self.serving[user_id] = to
        for websocket in list(self.sockets.get(user_id, ())):
            await leaving.disconnect(user_id, websocket)
