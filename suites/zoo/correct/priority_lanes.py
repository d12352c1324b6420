"""Each connection has two lanes, one for pings and one for events; a ping goes first, events keep their order."""

import asyncio
import json
from collections import deque

STRICT = True

PING_EVERY = 25.0


class Connection:
    def __init__(self, websocket):
        self.websocket = websocket
        self.control = deque()
        self.events = deque()
        self.wake = asyncio.Event()
        self.writer = asyncio.create_task(self.write())
        self.pinger = asyncio.create_task(self.ping())

    def put(self, lane, frame):
        lane.append(frame)
        self.wake.set()

    async def ping(self):
        while True:
            await asyncio.sleep(PING_EVERY)
            if not self.control:
                self.put(self.control, '{"type":"ping"}')

    async def write(self):
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.control or self.events:
                frame = (self.control or self.events).popleft()
                try:
                    await self.websocket.send_text(frame)
                except (RuntimeError, ConnectionError):
                    self.pinger.cancel()
                    return

    def stop(self):
        self.pinger.cancel()
        self.writer.cancel()


class Lanes:
    def __init__(self):
        self.users = {}

    async def connect(self, user_id, websocket):
        self.users.setdefault(user_id, {})[websocket] = Connection(websocket)

    async def disconnect(self, user_id, websocket):
        connections = self.users.get(user_id, {})
        connection = connections.pop(websocket, None)
        if connection is not None:
            connection.stop()
        if not connections:
            self.users.pop(user_id, None)

    async def send_to_user(self, user_id, event):
        frame = json.dumps(event)
        for connection in self.users.get(user_id, {}).values():
            connection.put(connection.events, frame)


def create():
    return Lanes()
