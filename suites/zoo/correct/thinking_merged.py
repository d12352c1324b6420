"""While a connection is busy, thinking events of one run that wait right behind each other leave as one frame that
holds them all."""

import asyncio
import copy
from collections import deque

STRICT = True


class Conn:
    def __init__(self, websocket):
        self.websocket = websocket
        self.waiting = deque()
        self.task = None

    def put(self, event):
        last = self.waiting[-1] if self.waiting else None
        if last and event["type"] == "agent_thinking" == last[0]["type"] and event["run_id"] == last[0]["run_id"]:
            last.append(event)
        else:
            self.waiting.append([event])
        if self.task is None:
            self.task = asyncio.create_task(self.run())

    async def run(self):
        while self.waiting:
            events = self.waiting.popleft()
            frame = events[0] if len(events) == 1 else {"type": "agent_thinking", "events": events}
            try:
                await self.websocket.send_json(frame)
            except (RuntimeError, ConnectionError):
                pass
        self.task = None


class Hub:
    def __init__(self):
        self.users = {}

    async def connect(self, user_id, websocket):
        self.users.setdefault(user_id, {})[websocket] = Conn(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.users.get(user_id, {})
        conn = mine.pop(websocket, None)
        if conn is not None and conn.task is not None:
            conn.task.cancel()
        if not mine:
            self.users.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        for conn in self.users.get(user_id, {}).values():
            conn.put(copy.deepcopy(event))


def create():
    return Hub()
