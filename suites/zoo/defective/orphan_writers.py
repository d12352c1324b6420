"""Each connection has a queue and a writer task. The defect: the writer of a connection that left waits on its queue
for ever."""

import asyncio
import json

DEFECT, NEEDS = "growth", "sequence"
CHECK = "cleanup"
USERS = ("alice", "bob")


class Client:
    def __init__(self, ws):
        self.ws = ws
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.connected = True

    async def writer(self):
        while self.connected:
            text = await self.queue.get()
            if self.connected:
                try:
                    await self.ws.send_text(text)
                except (RuntimeError, ConnectionError):
                    pass


class ClientDirectory:
    def __init__(self):
        self.by_user: dict[str, dict[object, Client]] = {}
        self.writers: set[asyncio.Task] = set()

    async def add_connection(self, ws, user_id):
        client = Client(ws)
        self.by_user.setdefault(user_id, {})[ws] = client
        task = asyncio.create_task(client.writer())
        self.writers.add(task)
        task.add_done_callback(self.writers.discard)

    async def remove_connection(self, ws, user_id):
        clients = self.by_user.get(user_id, {})
        client = clients.pop(ws, None)
        if client is not None:
            client.connected = False
        if not clients:
            self.by_user.pop(user_id, None)

    async def notify_user(self, user_id, data):
        text = json.dumps(data)
        for client in self.by_user.get(user_id, {}).values():
            client.queue.put_nowait(text)


def scenario(stage):
    for user in ("alice", "bob", "alice"):
        connection = stage.connect(user)
        stage.publish(user)
        stage.disconnect(connection)


def create():
    return ClientDirectory()
