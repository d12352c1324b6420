"""A send has five seconds; a client that needs longer is closed and taken out."""

import asyncio
import copy

STRICT = True


class Hub:
    def __init__(self):
        self.clients = {}

    async def connect(self, user_id, websocket):
        self.clients.setdefault(user_id, {})[websocket] = asyncio.Lock()

    async def disconnect(self, user_id, websocket):
        mine = self.clients.get(user_id, {})
        mine.pop(websocket, None)
        if not mine:
            self.clients.pop(user_id, None)

    async def _send(self, user_id, websocket, turn, event):
        async with turn:
            if self.clients.get(user_id, {}).get(websocket) is not turn:
                return
            try:
                await asyncio.wait_for(websocket.send_json(event), timeout=5)
            except (TimeoutError, RuntimeError, ConnectionError):
                if self.clients.get(user_id, {}).get(websocket) is turn:
                    await self.disconnect(user_id, websocket)
                    try:
                        await websocket.close(1011)
                    except (RuntimeError, ConnectionError):
                        pass

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        sends = [self._send(user_id, w, turn, event) for w, turn in self.clients.get(user_id, {}).items()]
        await asyncio.gather(*sends)


def create():
    return Hub()
