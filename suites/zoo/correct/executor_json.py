"""Events are serialised in a thread, in the order of their publishes, and then sent one after another."""

import asyncio
import copy
import json

STRICT = True


class Lane:
    def __init__(self):
        self.turn = asyncio.Lock()
        self.users = 0


class Hub:
    def __init__(self):
        self.sockets = {}
        self.lanes = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, {})[websocket] = object()

    async def disconnect(self, user_id, websocket):
        mine = self.sockets.get(user_id, {})
        mine.pop(websocket, None)
        if not mine:
            self.sockets.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        lane = self.lanes.setdefault(user_id, Lane())
        lane.users += 1
        try:
            async with lane.turn:
                text = await asyncio.to_thread(json.dumps, event)
                for websocket, membership in list(self.sockets.get(user_id, {}).items()):
                    if self.sockets.get(user_id, {}).get(websocket) is membership:
                        try:
                            await websocket.send_text(text)
                        except (RuntimeError, ConnectionError):
                            pass
        finally:
            lane.users -= 1
            if not lane.users:
                del self.lanes[user_id]


def create():
    return Hub()
