"""Publishers append to the connection's backlog, and one of them works it off for all. The defect: when that one is
cancelled, the event of another publisher that it had just taken out is gone."""

import asyncio
import json
from collections import deque

DEFECT, NEEDS = "loss", "cancellation"
CHECK = "delivery"
USERS = ("alice", "bob")


class Pipe:
    def __init__(self, connection):
        self.connection = connection
        self.backlog = deque()
        self.draining = False
        self.open = True

    async def drain(self):
        if self.draining:
            return
        self.draining = True
        try:
            while self.open and self.backlog:
                text = self.backlog.popleft()
                try:
                    await self.connection.send_text(text)
                except (RuntimeError, ConnectionError):
                    pass
        finally:
            self.draining = False


class CombiningHub:
    def __init__(self):
        self.pipes = {}

    async def attach(self, connection, user_id):
        self.pipes.setdefault(user_id, []).append(Pipe(connection))

    async def detach(self, connection, user_id):
        for pipe in list(self.pipes.get(user_id, ())):
            if pipe.connection is connection:
                pipe.open = False
                pipe.backlog.clear()
                self.pipes[user_id].remove(pipe)
        if not self.pipes.get(user_id):
            self.pipes.pop(user_id, None)

    async def emit_to_user(self, user_id, event):
        pipes = list(self.pipes.get(user_id, ()))
        text = json.dumps(event)
        for pipe in pipes:
            pipe.backlog.append(text)
        await asyncio.gather(*(pipe.drain() for pipe in pipes))


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    first = stage.start_publish("alice")
    stage.settle()
    stage.publish("alice")
    stage.release(phone, 1)
    stage.cancel(first)
    stage.release(phone)


def create():
    return CombiningHub()
