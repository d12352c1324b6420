"""Correct: a user's events go one at a time, each until it has left; between two of them the user moves."""

import asyncio
import zlib

CHECK = ""
OLD, NEW = "writer_queue", "user_lock"


class Told:
    """A connection that can say when what it was given has left it."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.gone = False
        self.left = 0
        self.change = asyncio.Event()

    async def send_json(self, event):
        if self.gone:
            return
        try:
            await self.websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            self.end()
            raise
        self.left += 1
        self.change.set()

    def end(self):
        self.gone = True
        self.change.set()

    async def until(self, count):
        while not self.gone and self.left < count:
            self.change.clear()
            await self.change.wait()


class User:
    def __init__(self, side):
        self.side = side
        self.links = {}
        self.turn = asyncio.Lock()


class Switch:
    """Both sides have every connection. Each user has a lock, which an event holds until it has left."""

    def __init__(self, old, new):
        self.sides = (old, new)
        self.users = {}
        self.wanted = (0.0, frozenset())

    def side_of(self, user_id):
        share, cohort = self.wanted
        return int(user_id in cohort or share > zlib.crc32(user_id.encode()) % 100 / 100)

    async def connect(self, user_id, websocket):
        user = self.users.get(user_id)
        if user is None:
            user = self.users[user_id] = User(self.side_of(user_id))
        link = user.links[websocket] = Told(websocket)
        for side in self.sides:
            await side.connect(user_id, link)

    async def disconnect(self, user_id, websocket):
        user = self.users[user_id]
        link = user.links.pop(websocket)
        if not user.links:
            del self.users[user_id]
        link.end()
        for side in self.sides:
            await side.disconnect(user_id, link)

    async def broadcast_to_user(self, user_id, event):
        user = self.users.get(user_id)
        if user is None:
            return 0
        async with user.turn:
            links = [(link, link.left + 1) for link in user.links.values()]
            await self.sides[user.side].broadcast_to_user(user_id, event)
            for link, count in links:
                await link.until(count)
            return sum(link.left >= count for link, count in links)

    async def move(self, share, cohort):
        self.wanted = (share, cohort)
        await asyncio.gather(*(self.bring(user_id, user) for user_id, user in list(self.users.items())))

    async def bring(self, user_id, user):
        async with user.turn:
            user.side = self.side_of(user_id)
