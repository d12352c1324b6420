"""Frames are paced: each leaves after the time its size takes at the allowed rate. The defect: the time counts from the
publish and not from the frame before, so that a short frame passes a long one."""

import asyncio
import json

DEFECT, NEEDS = "order", "timer"
CHECK = "order"
USERS = ("alice", "bob")

BYTES_PER_SECOND = 64_000


class PacedLink:
    def __init__(self, websocket):
        self.websocket = websocket
        self.timers = {}
        self.writes = set()

    def post(self, text):
        loop = asyncio.get_running_loop()
        number = object()
        self.timers[number] = loop.call_later(len(text) / BYTES_PER_SECOND, self._leave, number, text)

    def _leave(self, number, text):
        del self.timers[number]
        write = asyncio.ensure_future(self._write(text))
        self.writes.add(write)
        write.add_done_callback(self.writes.discard)

    async def _write(self, text):
        try:
            await self.websocket.send_text(text)
        except (RuntimeError, ConnectionError):
            pass

    def cut(self):
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        for write in self.writes:
            write.cancel()


class PacedBroadcaster:
    def __init__(self):
        self._links = {}

    def register_connection(self, user_id, websocket):
        self._links.setdefault(user_id, {})[websocket] = PacedLink(websocket)

    def unregister_connection(self, user_id, websocket):
        links = self._links.get(user_id, {})
        if websocket in links:
            links.pop(websocket).cut()
        if not links:
            self._links.pop(user_id, None)

    def broadcast(self, user_id, message):
        text = json.dumps(message)
        for link in self._links.get(user_id, {}).values():
            link.post(text)


def scenario(stage):
    stage.connect("alice")
    stage.publish("alice", "agent_thinking", run=1)
    stage.publish("alice", "ping")
    stage.sleep(1)


def create():
    return PacedBroadcaster()
