"""Events of a user wait in an outbox. Who publishes when nobody holds the outbox's lease of thirty seconds takes it for
a task that drains the outbox: the first event is sent to each connection, then taken out. Each event sent renews the
lease. The defect: a slow task does not notice that the lease has run out and is another's, and goes on draining.

It takes all of these, in this order:
1. an event is being sent to a slow connection;
2. the thirty seconds are over;
3. another event of that user is published, and a second task takes the lease;
4. the slow connection has taken the first event.
"""

import asyncio
from collections import deque
from copy import deepcopy

DEFECT, NEEDS = "duplicate", "timer"
CHECK = "duplicate"
USERS = ("alice", "bob")

LEASE = 30.0


class Outbox:
    def __init__(self):
        self.connections = []
        self.events = deque()
        self.leased_until = None


class LeasedOutboxes:
    def __init__(self):
        self.outboxes = {}
        self.drains = set()

    async def connect(self, user_id, websocket):
        await websocket.accept()
        self.outboxes.setdefault(user_id, Outbox()).connections.append(websocket)

    async def disconnect(self, user_id, websocket):
        outbox = self.outboxes.get(user_id)
        if outbox is not None and websocket in outbox.connections:
            outbox.connections.remove(websocket)
            if not outbox.connections:
                outbox.events.clear()
                del self.outboxes[user_id]

    async def broadcast_to_user(self, user_id, event):
        outbox = self.outboxes.get(user_id)
        if outbox is None:
            return
        outbox.events.append(deepcopy(event))
        now = asyncio.get_running_loop().time()
        if outbox.leased_until is None or outbox.leased_until < now:
            outbox.leased_until = now + LEASE
            task = asyncio.create_task(self._drain(outbox))
            self.drains.add(task)
            task.add_done_callback(self.drains.discard)

    async def _drain(self, outbox):
        while outbox.events:
            event = outbox.events[0]
            for websocket in list(outbox.connections):
                if websocket in outbox.connections:
                    try:
                        await websocket.send_json(event)
                    except (RuntimeError, ConnectionError):
                        pass
            if outbox.events and outbox.events[0] is event:
                outbox.events.popleft()
            outbox.leased_until = asyncio.get_running_loop().time() + LEASE
        outbox.leased_until = None


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice")
    stage.sleep(31)
    stage.start_publish("alice")
    stage.settle()
    stage.release(phone)


def create():
    return LeasedOutboxes()
