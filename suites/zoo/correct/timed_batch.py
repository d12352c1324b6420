"""Events gather in a buffer per connection; loop.call_later(0.01) starts a flush
that sends the buffer in order. At most one timer or flush task exists per connection."""

import asyncio
import copy
from collections import deque

STRICT = True

DELAY = 0.01


class Buffered:
    def __init__(self, websocket):
        self.websocket = websocket
        self.live = True
        self.buffer = deque()
        self.timer = None
        self.task = None

    def push(self, event):
        self.buffer.append(event)
        if self.timer is None and self.task is None:
            self.timer = asyncio.get_running_loop().call_later(DELAY, self._fire)

    def _fire(self):
        self.timer = None
        if self.live:
            self.task = asyncio.create_task(self._flush())

    async def _flush(self):
        while self.live and self.buffer:
            event = self.buffer.popleft()
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
        self.task = None

    def close(self):
        self.live = False
        self.buffer.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.task is not None:
            self.task.cancel()


class Hub:
    def __init__(self):
        self.users = {}

    async def connect(self, user_id, websocket):
        self.users.setdefault(user_id, {}).setdefault(id(websocket), Buffered(websocket))

    async def disconnect(self, user_id, websocket):
        conns = self.users.get(user_id, {})
        conn = conns.pop(id(websocket), None)
        if conn is not None:
            conn.close()
            if not conns:
                del self.users[user_id]

    async def broadcast_to_user(self, user_id, event):
        for conn in tuple(self.users.get(user_id, {}).values()):
            conn.push(copy.deepcopy(event))


def create():
    return Hub()
