"""Equivalent: NEW gives each connection a queue and a writer, and copies."""

import asyncio
import copy

DIFFERENCE = ""


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


class Box:
    def __init__(self, websocket):
        self.websocket = websocket
        self.queue = asyncio.Queue()
        self.writer = asyncio.create_task(self._write())

    async def _write(self):
        while True:
            message = await self.queue.get()
            try:
                await self.websocket.send_json(message)
            except (RuntimeError, ConnectionError):
                pass


class Service:
    """Each connection has a queue and a writer."""

    def __init__(self):
        self.boxes = {}

    async def register(self, websocket, user_id):
        self.boxes.setdefault(user_id, {})[websocket] = Box(websocket)

    async def unregister(self, websocket, user_id):
        mine = self.boxes.get(user_id, {})
        box = mine.pop(websocket, None)
        if box is not None:
            box.writer.cancel()
        if not mine:
            self.boxes.pop(user_id, None)

    async def send_to_user(self, user_id, message):
        mine = self.boxes.get(user_id, {})
        for box in mine.values():
            box.queue.put_nowait(copy.deepcopy(message))
        return len(mine)


def create_old():
    return Registry()


def create_new():
    return Service()
