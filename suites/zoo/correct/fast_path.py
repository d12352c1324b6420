"""The first idle socket is served directly inside the publish call; the other sockets
and busy ones get the event queued, and a drain task works off each backlog."""

import asyncio
import copy
from collections import deque

STRICT = True


class Lane:
    def __init__(self, websocket):
        self.websocket = websocket
        self.live = True
        self.busy = False
        self.backlog = deque()
        self.drainer = None

    async def send_next(self):
        event = self.backlog.popleft()
        try:
            await self.websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            pass

    async def drain(self):
        while self.live and self.backlog:
            await self.send_next()
        self.busy = False

    def start_drain(self):
        self.busy = True
        self.drainer = asyncio.create_task(self.drain())

    async def send_now(self):
        try:
            await self.send_next()
        finally:
            self.busy = False
            if self.live and self.backlog:
                self.start_drain()


class Hub:
    def __init__(self):
        self.lanes = {}

    async def connect(self, user_id, websocket):
        lanes = self.lanes.setdefault(user_id, {})
        if id(websocket) not in lanes:
            lanes[id(websocket)] = Lane(websocket)

    async def disconnect(self, user_id, websocket):
        lanes = self.lanes.get(user_id, {})
        lane = lanes.pop(id(websocket), None)
        if lane is None:
            return
        lane.live = False
        lane.backlog.clear()
        if lane.drainer is not None:
            lane.drainer.cancel()
        if not lanes:
            del self.lanes[user_id]

    async def broadcast_to_user(self, user_id, event):
        direct = None
        for lane in self.lanes.get(user_id, {}).values():
            lane.backlog.append(copy.deepcopy(event))
            if not lane.busy:
                if direct is None:
                    direct = lane
                    lane.busy = True
                else:
                    lane.start_drain()
        if direct is not None:
            await direct.send_now()


def create():
    return Hub()
