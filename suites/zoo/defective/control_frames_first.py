"""Each connection has a priority queue, so that control frames get past a backlog of text. The defect: terminal events
of a run count as control frames and get past the events published before them."""

import asyncio
import itertools
import json

DEFECT, NEEDS = "order", "interleaving"
CHECK = "order"
USERS = ("alice", "bob")

URGENT = {"ping": 0, "pong": 0, "tool_error": 1, "agent_completed": 1}
NORMAL = 5


class Lane:
    def __init__(self, client):
        self.client = client
        self.frames = asyncio.PriorityQueue()
        self.ticket = itertools.count()
        self.task = asyncio.get_running_loop().create_task(self.pump(), name="lane")

    def enqueue(self, kind, frame):
        self.frames.put_nowait((URGENT.get(kind, NORMAL), next(self.ticket), frame))

    async def pump(self):
        while True:
            _, _, frame = await self.frames.get()
            try:
                await self.client.send_text(frame)
            except (RuntimeError, ConnectionError):
                continue


class PriorityGateway:
    def __init__(self):
        self.lanes = {}

    async def connect(self, client, user_id):
        self.lanes.setdefault(user_id, {})[client] = Lane(client)

    async def disconnect(self, client, user_id):
        lane = self.lanes.get(user_id, {}).pop(client, None)
        if lane:
            lane.task.cancel()
        if not self.lanes.get(user_id):
            self.lanes.pop(user_id, None)

    async def emit(self, user_id, event):
        frame = json.dumps(event, separators=(",", ":"))
        for lane in self.lanes.get(user_id, {}).values():
            lane.enqueue(event["type"], frame)


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.publish("alice", "agent_started", run=1)
    stage.publish("alice", "agent_thinking", run=1)
    stage.publish("alice", "agent_completed", run=1)
    stage.release(phone)


def create():
    return PriorityGateway()
