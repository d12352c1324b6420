"""Fan-out in an asyncio.TaskGroup, one child per connection, with a lock per
connection that keeps its sends in order. Disconnect cancels that connection's children."""

import asyncio
import copy

STRICT = True


class Conn:
    def __init__(self, websocket):
        self.websocket = websocket
        self.live = True
        self.lock = asyncio.Lock()
        self.children = set()

    async def send(self, event):
        async with self.lock:
            if not self.live:
                return False
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                return False
            return True


class Hub:
    def __init__(self):
        self.users = {}

    async def connect(self, user_id, websocket):
        conns = self.users.setdefault(user_id, {})
        if id(websocket) not in conns:
            conns[id(websocket)] = Conn(websocket)

    async def disconnect(self, user_id, websocket):
        conns = self.users.get(user_id, {})
        conn = conns.pop(id(websocket), None)
        if conn is None:
            return
        if not conns:
            del self.users[user_id]
        conn.live = False
        for child in tuple(conn.children):
            child.cancel()

    async def broadcast_to_user(self, user_id, event):
        conns = tuple(self.users.get(user_id, {}).values())
        copies = [copy.deepcopy(event) for _ in conns]
        tasks = []
        async with asyncio.TaskGroup() as group:
            for conn, item in zip(conns, copies):
                task = group.create_task(conn.send(item))
                conn.children.add(task)
                task.add_done_callback(conn.children.discard)
                tasks.append(task)
        return sum(1 for t in tasks if not t.cancelled() and t.result())


def create():
    return Hub()
