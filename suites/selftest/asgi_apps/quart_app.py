"""Quart, as its documentation's chat: a broker with a queue a connection, the token in a cookie.

In `wrong` the broker reuses the queue of the connection that left last, and forgets to take it from its former user.
"""

import asyncio

from quart import Quart, request, websocket


class Broker:
    def __init__(self):
        self.connections: dict[str, set[asyncio.Queue]] = {}

    def take(self) -> asyncio.Queue:
        return asyncio.Queue()

    def give_back(self, user: str, queue: asyncio.Queue) -> None:
        self.connections[user].discard(queue)
        if not self.connections[user]:
            del self.connections[user]

    async def publish(self, user: str, event: dict) -> None:
        for queue in self.connections.get(user, ()):
            queue.put_nowait(event)

    async def subscribe(self, user: str):
        queue = self.take()
        self.connections.setdefault(user, set()).add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.give_back(user, queue)


class Pooled(Broker):
    def __init__(self):
        super().__init__()
        self.spare: list[asyncio.Queue] = []

    def take(self) -> asyncio.Queue:
        return self.spare.pop() if self.spare else asyncio.Queue()

    def give_back(self, user: str, queue: asyncio.Queue) -> None:
        self.spare.append(queue)


def create(broker_type) -> Quart:
    app = Quart(__name__)
    broker = broker_type()

    @app.websocket("/ws")
    async def ws() -> None:
        user = websocket.cookies["session"]
        await websocket.accept()
        async for event in broker.subscribe(user):
            await websocket.send_json(event)

    @app.post("/users/<user>/events")
    async def publish(user):
        await broker.publish(user, await request.get_json())
        return "", 204

    return app


def right() -> Quart:
    return create(Broker)


def wrong() -> Quart:
    return create(Pooled)
