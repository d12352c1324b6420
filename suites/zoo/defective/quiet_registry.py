"""The registry changes only between rounds of sends, so that a round may trust what it iterates. The defect: a newcomer
waits for the rounds of all users, and one stalled socket keeps everybody out."""

import asyncio
from contextlib import contextmanager

DEFECT, NEEDS = "blocking", "fault"
CHECK = "blocking"
USERS = ("alice", "bob")


class QuietRegistry:
    """Rounds read the sockets; changes wait until no round is under way."""

    def __init__(self):
        self.sockets = {}
        self.rounds = 0
        self.quiet = asyncio.Event()

    @contextmanager
    def round(self, user_id):
        self.rounds += 1
        self.quiet.clear()
        try:
            yield self.sockets.get(user_id, {})
        finally:
            self.rounds -= 1
            if not self.rounds:
                self.quiet.set()

    async def between_rounds(self):
        while self.rounds:
            await self.quiet.wait()


class RoundHub:
    def __init__(self):
        self.registry = QuietRegistry()

    async def join(self, user_id, socket):
        await self.registry.between_rounds()
        self.registry.sockets.setdefault(user_id, {})[socket] = True

    async def leave(self, user_id, socket):
        await self.registry.between_rounds()
        sockets = self.registry.sockets.get(user_id, {})
        sockets.pop(socket, None)
        if not sockets:
            self.registry.sockets.pop(user_id, None)

    async def broadcast(self, user_id, event):
        count = 0
        with self.registry.round(user_id) as sockets:
            for socket in sockets:
                try:
                    await socket.send_json(event)
                    count += 1
                except (RuntimeError, ConnectionError):
                    pass
        return count


def scenario(stage):
    slow = stage.connect("alice")
    stage.stall(slow)
    stage.start_publish("alice")
    stage.settle()
    stage.start_connect("bob")
    stage.settle()


def create():
    return RoundHub()
