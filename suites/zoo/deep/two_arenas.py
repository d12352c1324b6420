"""Frames are written into an arena, a list whose places are used again. Ten times a second the arena that was filled is
handed to the writers, and the other one is filled from its first place on. The defect: a writer looks its frame up when
it comes to send it, and by then the arena may be being filled again.

It takes all of these, in this order:
1. two frames for one connection are handed over together, and the first is being sent;
2. something is published, and the arenas change places;
3. an arena is filled again, up to the place of the second frame, with events of another user;
4. the first send completes.
"""

import asyncio
import json
from collections import deque

DEFECT, NEEDS = "leak", "timer"
CHECK = "isolation"
USERS = ("alice", "bob")

TICK = 0.1


class Arena:
    def __init__(self):
        self.frames = []
        self.used = 0

    def store(self, frame):
        place = self.used
        self.used += 1
        if place == len(self.frames):
            self.frames.append(frame)
        else:
            self.frames[place] = frame
        return place


class Client:
    def __init__(self, websocket):
        self.websocket = websocket
        self.jobs = deque()
        self.writer = None

    async def write(self):
        while self.jobs:
            arena, place = self.jobs.popleft()
            try:
                await self.websocket.send_text(arena.frames[place])
            except (RuntimeError, ConnectionError):
                pass
        self.writer = None


class TickingBroadcaster:
    def __init__(self):
        self.clients = {}
        self.filling, self.resting = Arena(), Arena()
        self.entries = []
        self.timer = None

    async def connect(self, websocket, user_id):
        self.clients.setdefault(user_id, {})[websocket] = Client(websocket)

    async def disconnect(self, websocket, user_id):
        client = self.clients.get(user_id, {}).pop(websocket, None)
        if client is None:
            return
        client.jobs = None
        if client.writer is not None:
            client.writer.cancel()
        if not self.clients[user_id]:
            del self.clients[user_id]

    async def send_to_user(self, user_id, event):
        if user_id not in self.clients:
            return
        place = self.filling.store(json.dumps(event))
        self.entries += [(client, place) for client in self.clients[user_id].values()]
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self):
        self.timer = None
        arena = self.filling
        self.filling, self.resting = self.resting, arena
        self.filling.used = 0
        for client, place in self.entries:
            if client.jobs is not None:
                client.jobs.append((arena, place))
                if client.writer is None:
                    client.writer = asyncio.create_task(client.write())
        self.entries.clear()


def scenario(stage):
    phone = stage.connect("alice")
    stage.connect("bob")
    stage.publish("alice")
    stage.publish("alice")
    stage.hold(phone)
    stage.sleep(0.1)
    stage.publish("bob")
    stage.sleep(0.1)
    stage.publish("bob")
    stage.publish("bob")
    stage.release(phone)


def create():
    return TickingBroadcaster()
