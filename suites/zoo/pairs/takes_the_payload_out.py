"""NEW takes the payload out of its caller's event once that is sent."""

import asyncio

DIFFERENCE = "given"


class Registry:
    """Each user's connections in the order in which they came."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.sockets.get(user_id, [])
        if websocket in mine:
            mine.remove(websocket)
        if not mine:
            self.sockets.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        reached = 0
        for websocket in list(self.sockets.get(user_id, ())):
            if websocket not in self.sockets.get(user_id, ()):
                continue
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                continue
            reached += 1
        return reached


class Link:
    def __init__(self, user_id, websocket):
        self.user_id = user_id
        self.websocket = websocket
        self.live = True


class Service:
    """All connections in one list; sends of one event run together."""

    def __init__(self):
        self.links = []

    async def register(self, websocket, user_id):
        self.links.append(Link(user_id, websocket))

    async def unregister(self, websocket, user_id):
        for link in self.links:
            if link.websocket is websocket and link.user_id == user_id:
                link.live = False
        self.links = [link for link in self.links if link.live]

    async def send_to_user(self, user_id, message):
        links = [link for link in self.links if link.user_id == user_id]
        sent = await asyncio.gather(*(self._send(link, message) for link in links))
        message.pop("payload")
        return sum(sent)

    async def _send(self, link, message):
        if not link.live:
            return False
        try:
            await link.websocket.send_json(message)
        except (RuntimeError, ConnectionError):
            return False
        return True


def create_old():
    return Registry()


def create_new():
    return Service()
