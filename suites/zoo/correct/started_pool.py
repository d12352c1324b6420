"""Three workers started by the factory take whole rounds from one queue; a user's rounds take turns by a lock that goes
with its last round."""

import asyncio
import copy
from contextlib import suppress

STRICT = True


class Round:
    def __init__(self, user_id, event):
        self.user_id = user_id
        self.event = event


class Hub:
    def __init__(self):
        self.sockets = {}
        self.backlogs = {}
        self.ready = asyncio.Queue()
        self.workers = []

    def start(self):
        self.workers = [asyncio.create_task(self._work()) for _ in range(3)]

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, {})[websocket] = object()

    async def disconnect(self, user_id, websocket):
        mine = self.sockets.get(user_id, {})
        mine.pop(websocket, None)
        if not mine:
            self.sockets.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        if user_id not in self.sockets:
            return
        backlog = self.backlogs.get(user_id)
        job = (tuple(self.sockets[user_id].items()), copy.deepcopy(event))
        if backlog is None:
            self.backlogs[user_id] = [job]
            await self.ready.put(user_id)
        else:
            backlog.append(job)

    async def _work(self):
        while True:
            user_id = await self.ready.get()
            asyncio.create_task(self._serve(user_id))

    async def _serve(self, user_id):
        backlog = self.backlogs[user_id]
        while backlog:
            targets, event = backlog.pop(0)
            for websocket, membership in targets:
                if self.sockets.get(user_id, {}).get(websocket) is membership:
                    with suppress(RuntimeError, ConnectionError):
                        await websocket.send_json(event)
        del self.backlogs[user_id]


async def create():
    hub = Hub()
    hub.start()
    return hub
