"""A send that fails is tried again twice, after a tenth and two tenths of a second; then the connection is given up. A
connection's frames keep their order meanwhile."""

import asyncio
import copy
from collections import deque

STRICT = True


class Outgoing:
    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = deque()
        self.task = None
        self.over = False

    def put(self, event):
        self.frames.append(event)
        if self.task is None:
            self.task = asyncio.create_task(self.drain())

    async def drain(self):
        try:
            while self.frames and not self.over:
                event = self.frames.popleft()
                for wait in (0.1, 0.2, None):
                    try:
                        await self.websocket.send_json(event)
                        break
                    except (RuntimeError, ConnectionError):
                        if wait is None:
                            self.over = True
                            return
                    await asyncio.sleep(wait)
                    if self.over:
                        return
        finally:
            self.task = None


class Hub:
    def __init__(self):
        self.users = {}

    async def connect(self, user_id, websocket):
        self.users.setdefault(user_id, {})[websocket] = Outgoing(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.users.get(user_id, {})
        outgoing = mine.pop(websocket, None)
        if not mine:
            self.users.pop(user_id, None)
        if outgoing is not None:
            outgoing.over = True
            if outgoing.task is not None:
                outgoing.task.cancel()

    async def broadcast_to_user(self, user_id, event):
        for outgoing in self.users.get(user_id, {}).values():
            if not outgoing.over:
                outgoing.put(copy.deepcopy(event))


def create():
    return Hub()
