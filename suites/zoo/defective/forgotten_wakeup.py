"""Each connection's writer waits for a flag, empties the buffer, sends, and lowers the flag. The defect: the flag is
lowered after the sends, so that of an event which came meanwhile nobody knows until the next one comes."""

import asyncio
from collections import deque

DEFECT, NEEDS = "loss", "interleaving"
CHECK = "delivery"
USERS = ("alice", "bob")


class Line:
    def __init__(self, websocket):
        self.websocket = websocket
        self.buffer = deque()
        self.flag = asyncio.Event()
        self.writer = asyncio.create_task(self.write())

    async def write(self):
        while True:
            await self.flag.wait()
            batch = list(self.buffer)
            self.buffer.clear()
            for event in batch:
                try:
                    await self.websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    return
            self.flag.clear()


class FlaggedHub:
    def __init__(self):
        self.lines = {}

    async def connect(self, user_id, websocket):
        self.lines.setdefault(user_id, {})[websocket] = Line(websocket)

    async def disconnect(self, user_id, websocket):
        line = self.lines.get(user_id, {}).pop(websocket, None)
        if line is not None:
            line.writer.cancel()
        if not self.lines.get(user_id):
            self.lines.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        for line in self.lines.get(user_id, {}).values():
            line.buffer.append(event)
            line.flag.set()


def scenario(stage):
    desk = stage.connect("alice")
    stage.hold(desk)
    stage.publish("alice")
    stage.publish("alice")
    stage.release(desk)


def create():
    return FlaggedHub()
