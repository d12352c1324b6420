"""One actor task per user reads a mailbox of (event, recipients) and delivers one
event at a time, to all recipients at once. Membership changes take effect at once."""

import asyncio
import copy

STRICT = True


class Peer:
    def __init__(self, websocket):
        self.websocket = websocket
        self.live = True
        self.sending = None

    async def deliver(self, event):
        if self.live:
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


class Actor:
    def __init__(self):
        self.peers = []
        self.mailbox = asyncio.Queue()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while True:
            event, recipients = await self.mailbox.get()
            tasks = []
            for peer in recipients:
                if peer.live:
                    peer.sending = asyncio.create_task(peer.deliver(copy.deepcopy(event)))
                    tasks.append(peer.sending)
            if tasks:
                await asyncio.wait(tasks)


class Hub:
    def __init__(self):
        self.actors = {}

    async def connect(self, user_id, websocket):
        actor = self.actors.get(user_id)
        if actor is None:
            actor = self.actors[user_id] = Actor()
        if not any(p.websocket is websocket for p in actor.peers):
            actor.peers.append(Peer(websocket))

    async def disconnect(self, user_id, websocket):
        actor = self.actors.get(user_id)
        if actor is None:
            return
        for i, peer in enumerate(actor.peers):
            if peer.websocket is websocket:
                del actor.peers[i]
                peer.live = False
                if peer.sending is not None:
                    peer.sending.cancel()
                break
        if not actor.peers:
            del self.actors[user_id]
            actor.task.cancel()

    async def broadcast_to_user(self, user_id, event):
        actor = self.actors.get(user_id)
        if actor is not None:
            actor.mailbox.put_nowait((copy.deepcopy(event), tuple(actor.peers)))


def create():
    return Hub()
