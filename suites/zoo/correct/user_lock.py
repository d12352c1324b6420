"""One asyncio.Lock per user orders the publishers of that user. Each send runs in
its own task, so that disconnecting a stalled socket frees the lock."""

import asyncio
import copy

STRICT = True


class Conn:
    def __init__(self, websocket):
        self.websocket = websocket
        self.live = True
        self.task = None


class Room:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.conns = {}


class Hub:
    def __init__(self):
        self.rooms = {}

    async def connect(self, user_id, websocket):
        room = self.rooms.get(user_id)
        if room is None:
            room = self.rooms[user_id] = Room()
        if id(websocket) not in room.conns:
            room.conns[id(websocket)] = Conn(websocket)

    async def disconnect(self, user_id, websocket):
        room = self.rooms.get(user_id)
        conn = room.conns.pop(id(websocket), None) if room else None
        if conn is None:
            return
        conn.live = False
        if conn.task is not None:
            conn.task.cancel()
        if not room.conns:
            del self.rooms[user_id]

    async def _send(self, conn, event):
        if not conn.live:
            return False
        try:
            await conn.websocket.send_json(event)
        except (RuntimeError, ConnectionError):
            return False
        return True

    async def broadcast_to_user(self, user_id, event):
        room = self.rooms.get(user_id)
        if room is None:
            return 0
        targets = list(room.conns.values())
        frozen = copy.deepcopy(event)
        sent = 0
        async with room.lock:
            for conn in targets:
                if not conn.live:
                    continue
                task = conn.task = asyncio.create_task(self._send(conn, copy.deepcopy(frozen)))
                try:
                    await asyncio.wait({task})
                finally:
                    task.cancel()
                    conn.task = None
                if not task.cancelled() and task.result():
                    sent += 1
        return sent


def create():
    return Hub()
