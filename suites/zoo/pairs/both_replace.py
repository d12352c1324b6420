"""Equivalent: a new connection of a user replaces the older one in both; one closes before it registers."""

import asyncio

DIFFERENCE = ""


class Registry:
    """The one connection of each user."""

    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        older = self.sockets.pop(user_id, None)
        self.sockets[user_id] = websocket
        if older is not None:
            await older.close(4000)

    async def disconnect(self, user_id, websocket):
        if self.sockets.get(user_id) is websocket:
            del self.sockets[user_id]

    async def broadcast_to_user(self, user_id, event):
        websocket = self.sockets.get(user_id)
        if websocket is None:
            return 0
        try:
            await websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            return 0
        return 1


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
        older = [link for link in self.links if link.user_id == user_id]
        self.links.append(Link(user_id, websocket))
        for link in older:
            link.live = False
            self.links.remove(link)
            await link.websocket.close(4000)

    async def unregister(self, websocket, user_id):
        for link in self.links:
            if link.websocket is websocket and link.user_id == user_id:
                link.live = False
        self.links = [link for link in self.links if link.live]

    async def send_to_user(self, user_id, message):
        links = [link for link in self.links if link.user_id == user_id]
        sent = await asyncio.gather(*(self._send(link, message) for link in links))
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
