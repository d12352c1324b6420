"""Every connection owns an asyncio.Queue and a writer task that drains it.
Publishing only puts copies into the queues and never waits."""

import asyncio
import copy

STRICT = True


class Connection:
    def __init__(self, websocket):
        self.websocket = websocket
        self.open = True
        self.queue = asyncio.Queue()
        self.writer = asyncio.create_task(self._write())

    async def _write(self):
        while self.open:
            event = await self.queue.get()
            if not self.open:
                return
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass

    def close(self):
        self.open = False
        self.writer.cancel()


class Hub:
    def __init__(self):
        self.users = {}

    async def connect(self, user_id, websocket):
        conns = self.users.setdefault(user_id, {})
        if id(websocket) not in conns:
            conns[id(websocket)] = Connection(websocket)

    async def disconnect(self, user_id, websocket):
        conns = self.users.get(user_id)
        if conns is None:
            return
        conn = conns.pop(id(websocket), None)
        if conn is not None:
            conn.close()
        if not conns:
            del self.users[user_id]

    async def broadcast_to_user(self, user_id, event):
        conns = list(self.users.get(user_id, {}).values())
        copies = [copy.deepcopy(event) for _ in conns]
        for conn, item in zip(conns, copies):
            conn.queue.put_nowait(item)


def create():
    return Hub()
