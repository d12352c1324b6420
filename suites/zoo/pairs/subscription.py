"""Equivalent: a connect of NEW returns a queue, which the handler of the connection reads."""

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


class Service:
    """Each connection reads a queue of its own."""

    def __init__(self):
        self.queues = {}

    def subscribe(self, user_id):
        queue = asyncio.Queue()
        self.queues.setdefault(user_id, []).append(queue)
        return queue

    def unsubscribe(self, user_id, queue):
        self.queues[user_id].remove(queue)
        if not self.queues[user_id]:
            del self.queues[user_id]

    async def publish(self, user_id, event):
        mine = self.queues.get(user_id, ())
        for queue in mine:
            queue.put_nowait(copy.deepcopy(event))
        return len(mine)


def create_old():
    return Registry()


def create_new():
    return Service()
