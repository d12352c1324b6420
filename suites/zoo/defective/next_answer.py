"""Events are rendered by a worker behind a pipe: requests go in, and answers come out in the order of the requests. The
defect: a publish that is cancelled while it waits leaves its answer in the pipe, for the next publish to take."""

import asyncio
import json

DEFECT, NEEDS = "leak", "cancellation"
CHECK = "isolation"
USERS = ("alice", "bob")


class Pipe:
    def __init__(self):
        self.requests = asyncio.Queue()
        self.answers = asyncio.Queue()
        self.turn = asyncio.Lock()
        self.worker = asyncio.create_task(self._work())

    async def _work(self):
        while True:
            event = await self.requests.get()
            self.answers.put_nowait(await asyncio.to_thread(json.dumps, event))

    async def render(self, event):
        async with self.turn:
            self.requests.put_nowait(dict(event))
            return await self.answers.get()


class RenderingHub:
    def __init__(self):
        self.sockets = {}
        self.pipe = None

    async def connect(self, user_id, websocket):
        if self.pipe is None:
            self.pipe = Pipe()
        self.sockets.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        self.sockets[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):
        if not self.sockets.get(user_id):
            return
        frame = await self.pipe.render(event)
        for websocket in list(self.sockets[user_id]):
            if websocket in self.sockets[user_id]:
                try:
                    await websocket.send_text(frame)
                except (RuntimeError, ConnectionError):
                    pass


def scenario(stage):
    stage.connect("alice")
    stage.connect("bob")
    handle = stage.start_publish("alice")
    stage.turn(2)
    stage.cancel(handle)
    stage.publish("bob")


def create():
    return RenderingHub()
