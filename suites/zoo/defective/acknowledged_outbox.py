"""An outbox per connection is flushed 50 ms after its first entry, or as soon as it holds three. The defect: an entry
is taken out only once its send has finished, so that a second flush during the first sends it as well."""

import asyncio
import copy
import itertools

DEFECT, NEEDS = "duplicate", "timer"
CHECK = "duplicate"
USERS = ("alice", "bob")

WINDOW = 0.05
FULL = 3


class Outbox:
    def __init__(self, websocket):
        self.websocket = websocket
        self.entries = {}
        self.timer = None
        self.flushes = set()

    def add(self, number, event):
        self.entries[number] = event
        if len(self.entries) >= FULL:
            self.flush()
        elif self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(WINDOW, self.flush)

    def flush(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        task = asyncio.create_task(self._send_all())
        self.flushes.add(task)
        task.add_done_callback(self.flushes.discard)

    async def _send_all(self):
        for number, event in list(self.entries.items()):
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass
            self.entries.pop(number, None)

    def discard(self):
        self.entries.clear()
        if self.timer is not None:
            self.timer.cancel()
        for task in self.flushes:
            task.cancel()


class OutboxHub:
    def __init__(self):
        self.outboxes = {}
        self.numbers = itertools.count(1)

    def connect(self, user_id, websocket):
        self.outboxes.setdefault(user_id, {})[websocket] = Outbox(websocket)

    def disconnect(self, user_id, websocket):
        outbox = self.outboxes.get(user_id, {}).pop(websocket, None)
        if outbox is not None:
            outbox.discard()
            if not self.outboxes[user_id]:
                del self.outboxes[user_id]

    async def publish(self, user_id, event):
        for outbox in self.outboxes.get(user_id, {}).values():
            outbox.add(next(self.numbers), copy.deepcopy(event))


def scenario(stage):
    phone = stage.connect("alice")
    stage.publish("alice")
    stage.hold(phone)
    stage.sleep(0.05)
    stage.publish("alice")
    stage.publish("alice")
    stage.release(phone)
    stage.sleep(1)


def create():
    return OutboxHub()
