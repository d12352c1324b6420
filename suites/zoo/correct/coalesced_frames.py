"""What gathers for a connection within 20 ms leaves as one frame {"type": "batch", "events": [...]}; while a frame is
being sent, the next one gathers."""

import asyncio
import copy

GATHER = 0.02


class Gatherer:
    def __init__(self, websocket):
        self.websocket = websocket
        self.events = []
        self.task = None

    def add(self, event):
        self.events.append(event)
        if self.task is None:
            self.task = asyncio.create_task(self._flush())

    async def _flush(self):
        while self.events:
            await asyncio.sleep(GATHER)
            events, self.events = self.events, []
            try:
                await self.websocket.send_json({"type": "batch", "events": events})
            except (RuntimeError, ConnectionError):
                pass
        self.task = None


class CoalescingHub:
    def __init__(self):
        self.members = {}

    async def connect(self, user_id, websocket):
        self.members.setdefault(user_id, {})[websocket] = Gatherer(websocket)

    async def disconnect(self, user_id, websocket):
        gatherers = self.members.get(user_id, {})
        gatherer = gatherers.pop(websocket, None)
        if gatherer is not None and gatherer.task is not None:
            gatherer.task.cancel()
        if not gatherers:
            self.members.pop(user_id, None)

    async def publish(self, user_id, event):
        for gatherer in self.members.get(user_id, {}).values():
            gatherer.add(copy.deepcopy(event))


def create():
    return CoalescingHub()
