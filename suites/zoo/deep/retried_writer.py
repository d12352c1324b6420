"""Each connection has a backlog, whose writer takes an event out once it has been sent. A writer that fails ends, and
is started once more after fifteen seconds, in case the network was away; a new connection of the user takes the broken
one over, backlog and all, and starts a writer at once. The defect: after the fifteen seconds a writer is started though
the new connection's is at work, and both send the same event.

It takes all of these, in this order:
1. a send fails, and the writer ends;
2. before the broken connection is disconnected, its user connects anew;
3. the new connection stays beyond the fifteen seconds;
4. an event is published.
"""

import asyncio
import copy
from collections import deque

DEFECT, NEEDS = "duplicate", "fault"
CHECK = "duplicate"
USERS = ("alice", "bob")

RETRY = 15.0
BACKLOG = 100


class Link:
    def __init__(self, socket):
        self.socket = socket
        self.backlog = deque()
        self.news = asyncio.Event()
        self.writer = None
        self.timer = None
        self.broken = False
        self.start(retry=True)

    def start(self, retry=False):
        self.broken = False
        self.writer = asyncio.create_task(self._write(retry))

    async def _write(self, retry):
        while True:
            while not self.backlog:
                self.news.clear()
                await self.news.wait()
            try:
                await self.socket.send_json(self.backlog[0])
            except (RuntimeError, ConnectionError):
                self.broken = True
                self._stop_timer()
                if retry:
                    self.timer = asyncio.get_running_loop().call_later(RETRY, self.start)
                return
            self.backlog.popleft()

    def put(self, event):
        if self.broken and len(self.backlog) == BACKLOG:
            self.backlog.popleft()
        self.backlog.append(event)
        self.news.set()

    def _stop_timer(self):
        if self.timer is not None:
            self.timer.cancel()

    def end(self):
        self.writer.cancel()
        self._stop_timer()


class LinkRegistry:
    def __init__(self):
        self.links = {}

    async def register(self, user_id, socket):
        links = self.links.setdefault(user_id, [])
        for link in links:
            if link.broken:
                link.socket = socket
                link.start(retry=True)
                return
        links.append(Link(socket))

    async def unregister(self, user_id, socket):
        links = self.links.get(user_id, [])
        for link in links:
            if link.socket is socket:
                links.remove(link)
                link.end()
                break
        if not links:
            self.links.pop(user_id, None)

    async def send_event(self, user_id, event):
        for link in self.links.get(user_id, ()):
            link.put(copy.deepcopy(event))


def scenario(stage):
    phone = stage.connect("alice")
    stage.fail(phone)
    stage.publish("alice")
    stage.connect("alice")
    stage.sleep(15)
    stage.publish("alice")


def create():
    return LinkRegistry()
