"""While a connection is busy, thinking events that wait behind each other are folded into one frame. The defect:
thoughts of different runs are folded too, so that one of the runs never shows a thought of its own."""

import asyncio
import copy

DEFECT, NEEDS = "mixed_runs", "interleaving"
CHECK = "golden_path"
USERS = ("alice", "bob")


class FoldingWriter:
    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = []
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(self.run())

    def put(self, event):
        last = self.frames[-1] if self.frames else None
        if last and last["type"] == event["type"] == "agent_thinking":
            last.setdefault("more", []).append(event["payload"])
        else:
            self.frames.append(event)
        self.ready.set()

    async def run(self):
        while True:
            await self.ready.wait()
            while self.frames:
                frame = self.frames.pop(0)
                try:
                    await self.websocket.send_json(frame)
                except (RuntimeError, ConnectionError):
                    pass
            self.ready.clear()


class FoldingHub:
    def __init__(self):
        self.writers = {}

    async def attach(self, websocket, user_id):
        self.writers.setdefault(user_id, {})[id(websocket)] = FoldingWriter(websocket)

    async def detach(self, websocket, user_id):
        writers = self.writers.get(user_id, {})
        writer = writers.pop(id(websocket), None)
        if writer is not None:
            writer.task.cancel()
        if not writers:
            self.writers.pop(user_id, None)

    async def publish(self, user_id, event):
        for writer in self.writers.get(user_id, {}).values():
            writer.put(copy.deepcopy(event))


def scenario(stage):
    phone = stage.connect("alice")
    stage.publish("alice", "agent_started", run=1)
    stage.publish("alice", "agent_started", run=2)
    stage.hold(phone)
    stage.publish("alice")
    stage.publish("alice", "agent_thinking", run=1)
    stage.publish("alice", "agent_thinking", run=2)
    stage.release(phone)
    stage.publish("alice", "agent_completed", run=1)
    stage.publish("alice", "agent_completed", run=2)


def create():
    return FoldingHub()
