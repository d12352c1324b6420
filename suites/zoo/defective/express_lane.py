"""An idle connection is served by the publisher itself, a busy one gets the event into a backlog that is worked off
afterwards. The defect: a connection whose backlog is being worked off counts as idle, and new events overtake it."""

import asyncio
import copy
from collections import deque

DEFECT, NEEDS = "order", "interleaving"
CHECK = "order"
USERS = ("alice", "bob")


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.sending = False
        self.backlog = deque()
        self.drain_task = None
        self.gone = False

    async def _put(self, event):
        try:
            await self.sock.send_json(event)
        except (RuntimeError, ConnectionError):
            pass

    async def offer(self, event):
        if self.gone:
            return
        if self.sending:
            self.backlog.append(copy.deepcopy(event))
            return
        self.sending = True
        try:
            await self._put(event)
        finally:
            self.sending = False
            if self.backlog and self.drain_task is None and not self.gone:
                self.drain_task = asyncio.create_task(self._drain())

    async def _drain(self):
        while self.backlog and not self.gone:
            await self._put(self.backlog.popleft())
        self.drain_task = None

    def shut(self):
        self.gone = True
        self.backlog.clear()
        if self.drain_task is not None:
            self.drain_task.cancel()


class FastPathHub:
    def __init__(self):
        self.peers: dict[str, list[Peer]] = {}

    async def register(self, user_id, sock):
        self.peers.setdefault(user_id, []).append(Peer(sock))

    async def unregister(self, user_id, sock):
        for peer in self.peers.get(user_id, [])[:]:
            if peer.sock is sock:
                self.peers[user_id].remove(peer)
                peer.shut()
        if not self.peers.get(user_id):
            self.peers.pop(user_id, None)

    async def send_to_user(self, user_id, event):
        offers = [peer.offer(event) for peer in self.peers.get(user_id, ()) if not peer.gone]
        await asyncio.gather(*offers)


def scenario(stage):
    phone = stage.connect("alice")
    stage.hold(phone)
    stage.start_publish("alice")
    stage.settle()
    stage.publish("alice")
    stage.publish("alice")
    stage.release(phone, 1)
    stage.start_publish("alice")
    stage.settle()
    stage.release(phone)


def create():
    return FastPathHub()
