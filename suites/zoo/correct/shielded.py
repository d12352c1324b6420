"""What a publish begins is finished even if the publisher gives up: the fan-out runs shielded, one after another for a
user, and skips whoever has left."""

import asyncio
import copy

STRICT = True


class Hub:
    def __init__(self):
        self.sockets = {}
        self.tails = {}

    async def connect(self, user_id, websocket):
        self.sockets.setdefault(user_id, {})[websocket] = object()

    async def disconnect(self, user_id, websocket):
        mine = self.sockets.get(user_id, {})
        mine.pop(websocket, None)
        if not mine:
            self.sockets.pop(user_id, None)

    async def broadcast_to_user(self, user_id, event):
        targets = list(self.sockets.get(user_id, {}).items())
        if not targets:
            return
        before = self.tails.get(user_id)
        task = asyncio.create_task(self._fan_out(user_id, targets, copy.deepcopy(event), before))
        self.tails[user_id] = task
        task.add_done_callback(lambda done: self.tails.get(user_id) is done and self.tails.pop(user_id))
        await asyncio.shield(task)

    async def _fan_out(self, user_id, targets, event, before):
        if before is not None:
            await asyncio.wait({before})
        for websocket, membership in targets:
            if self.sockets.get(user_id, {}).get(websocket) is membership:
                try:
                    await websocket.send_json(event)
                except (RuntimeError, ConnectionError):
                    pass


def create():
    return Hub()
