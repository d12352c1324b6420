"""Connecting asks the directory, in a thread, whether the user may, and registers after the greeting."""

import asyncio
import copy


class Directory:
    def may(self, user_id):
        return bool(user_id)


class Hub:
    def __init__(self):
        self.directory = Directory()
        self.members = {}

    async def connect(self, user_id, websocket):
        if not await asyncio.to_thread(self.directory.may, user_id):
            await websocket.close(1008)
            return
        await websocket.send_json({"type": "connection_established", "user_id": user_id})
        self.members.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):
        mine = self.members.get(user_id, [])
        if websocket in mine:
            mine.remove(websocket)
        if not mine:
            self.members.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        for websocket in tuple(self.members.get(user_id, ())):
            if websocket in self.members.get(user_id, ()):
                try:
                    await websocket.send_json({**event, "delivered_to": user_id})
                except (RuntimeError, ConnectionError):
                    pass


def create():
    return Hub()
