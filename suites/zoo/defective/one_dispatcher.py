"""Publishers hand events to a dispatcher, which sends them. The defect: one dispatcher serves all users and waits for
each send, so that one slow socket keeps everybody waiting."""

import asyncio
import json

DEFECT, NEEDS = "blocking", "fault"
CHECK = "blocking"
USERS = ("alice", "bob")


class Dispatcher:
    def __init__(self):
        self._inbox = asyncio.Queue()
        self._audience = {}
        self._loop_task = None

    async def subscribe(self, user_id, connection):
        self._audience.setdefault(user_id, []).append(connection)

    async def unsubscribe(self, user_id, connection):
        audience = self._audience.get(user_id, [])
        if connection in audience:
            audience.remove(connection)
        if not audience:
            self._audience.pop(user_id, None)

    async def notify_user(self, user_id, message):
        if self._loop_task is None:
            self._loop_task = asyncio.create_task(self._dispatch(), name="dispatcher")
        self._inbox.put_nowait((user_id, json.dumps(message)))

    async def _dispatch(self):
        while True:
            user_id, text = await self._inbox.get()
            for connection in list(self._audience.get(user_id, ())):
                if connection not in self._audience.get(user_id, ()):
                    continue
                try:
                    await connection.send_text(text)
                except (RuntimeError, ConnectionError):
                    continue


def scenario(stage):
    slow = stage.connect("alice")
    stage.connect("bob")
    stage.stall(slow)
    stage.publish("alice")
    stage.publish("alice")
    stage.publish("bob")


def create():
    return Dispatcher()
