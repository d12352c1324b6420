"""The share is taken of the users present, in their order: who comes or goes moves others, in the middle of things."""

import asyncio  # noqa: F401

CHECK = "order"
OLD, NEW = "writer_queue", "user_lock"


class Switch:
    """Every connection is registered with both sides; each user is served by one."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.sockets = {}
        self.serving = {}
        self.share = 0.0

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
        users = sorted(self.sockets)
        place = users.index(user_id) if user_id in users else 0
        return await self.sides[int(place < self.share * len(users))].broadcast_to_user(user_id, event)

    async def move(self, share, cohort):
        self.share = share
