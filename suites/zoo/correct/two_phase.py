"""A connection is pending during its handshake and active afterwards; who has not finished in ten seconds, or is
cancelled, takes back its own reservation and no other. There are places for 500; to the next one connect says False."""

import asyncio

STRICT = True
SEARCHES = ("delivery",)

HANDSHAKE = 10.0
PLACES = 500


class Gatehouse:
    def __init__(self):
        self.pending: set[object] = set()
        self.active: dict[object, str] = {}

    async def on_connect(self, user_id: str, websocket) -> bool:
        if len(self.pending) + len(self.active) >= PLACES:
            return False
        reservation = object()
        self.pending.add(reservation)
        try:
            async with asyncio.timeout(HANDSHAKE):
                await websocket.accept()
            self.active[websocket] = user_id
        except (TimeoutError, RuntimeError, ConnectionError):
            return False
        finally:
            self.pending.discard(reservation)
        return True

    async def on_disconnect(self, user_id: str, websocket) -> None:
        if self.active.get(websocket) == user_id:
            del self.active[websocket]

    async def notify(self, user_id: str, event: dict) -> None:
        await asyncio.gather(*(self._send(user_id, ws, event) for ws, owner in self.active.items() if owner == user_id))

    async def _send(self, user_id: str, websocket, event: dict) -> None:
        if self.active.get(websocket) == user_id:
            try:
                await websocket.send_json(event)
            except (RuntimeError, ConnectionError):
                pass


def create():
    return Gatehouse()
