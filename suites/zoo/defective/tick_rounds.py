"""Every 20 ms what has gathered for all connections leaves in one round of parallel sends. The defect: the next round
waits for the slowest connection of the last."""

import asyncio
import copy

DEFECT, NEEDS = "blocking", "timer"
CHECK = "blocking"
USERS = ("alice", "bob")

TICK = 0.02


class Peer:
    def __init__(self, websocket):
        self.websocket = websocket
        self.pending = []
        self.live = True
        self.write = None

    async def send(self, events):
        for event in events:
            if not self.live:
                return
            try:
                await self.websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


class TickingHub:
    def __init__(self):
        self.peers = {}
        self.ticker = None

    async def connect(self, user_id, websocket):
        self.peers[user_id, websocket] = Peer(websocket)

    async def disconnect(self, user_id, websocket):
        peer = self.peers.pop((user_id, websocket), None)
        if peer is not None:
            peer.live = False
            if peer.write is not None:
                peer.write.cancel()

    async def broadcast_to_user(self, user_id, event):
        for (owner, _), peer in self.peers.items():
            if owner == user_id:
                peer.pending.append(copy.deepcopy(event))
                if self.ticker is None:
                    self.ticker = asyncio.create_task(self._tick())

    async def _tick(self):
        while any(peer.pending for peer in self.peers.values()):
            await asyncio.sleep(TICK)
            round_ = []
            for peer in self.peers.values():
                if peer.pending:
                    events, peer.pending = peer.pending, []
                    peer.write = asyncio.create_task(peer.send(events))
                    round_.append(peer.write)
            await asyncio.gather(*round_, return_exceptions=True)
        self.ticker = None


def scenario(stage):
    slow = stage.connect("alice")
    stage.connect("bob")
    stage.stall(slow)
    stage.publish("alice")
    stage.publish("alice")
    stage.sleep(0.02)
    stage.publish("bob")
    stage.sleep(1)


def create():
    return TickingHub()
