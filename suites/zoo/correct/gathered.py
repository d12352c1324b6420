"""All sends of an event at once by gather(return_exceptions=True); connections whose send failed are taken out, if they
are still the ones that were sent to. One send a connection at a time."""

import asyncio
import logging

STRICT = True

log = logging.getLogger(__name__)


class Peer:
    def __init__(self, websocket):
        self.websocket = websocket
        self.turn = asyncio.Lock()
        self.gone = False

    async def send(self, event):
        async with self.turn:
            if self.gone:
                return
            await self.websocket.send_json(event)


class ConnectionManager:
    def __init__(self):
        self.active_connections: dict[str, list[Peer]] = {}

    async def connect(self, websocket, user_id: str):
        await websocket.accept()
        self.active_connections.setdefault(user_id, []).append(Peer(websocket))

    def disconnect(self, websocket, user_id: str):
        for peer in self.active_connections.get(user_id, []):
            if peer.websocket is websocket:
                self._remove(user_id, peer)
                return

    def _remove(self, user_id, peer):
        peer.gone = True
        peers = self.active_connections.get(user_id, [])
        if peer in peers:
            peers.remove(peer)
        if not peers:
            self.active_connections.pop(user_id, None)

    async def send_to_user(self, user_id: str, message: dict):
        peers = list(self.active_connections.get(user_id, ()))
        results = await asyncio.gather(*(peer.send(message) for peer in peers), return_exceptions=True)
        for peer, result in zip(peers, results):
            if isinstance(result, Exception):
                log.info("dropping a connection of %s: %s", user_id, result)
                self._remove(user_id, peer)


def create():
    return ConnectionManager()
