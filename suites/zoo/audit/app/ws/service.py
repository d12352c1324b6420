"""The one that is meant to remain."""

import asyncio
import logging

logger = logging.getLogger(__name__)


class BroadcastService:
    def __init__(self):
        self._connections = {}

    async def connect(self, user_id, websocket):  # other
        self._connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id, websocket):  # other
        self._connections[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id, event):  # real
        for websocket in list(self._connections.get(user_id, [])):
            try:
                await websocket.send_json(event)
            except RuntimeError:
                logger.warning("gone")

    async def broadcast_to_users(self, user_ids, event):  # adapter
        await asyncio.gather(*(self.broadcast_to_user(user_id, event) for user_id in user_ids))

    async def broadcast_to_all(self, event):  # other
        for sockets in self._connections.values():
            for websocket in sockets:
                await websocket.send_json(event)

    def connection_count(self, user_id):  # other
        return len(self._connections.get(user_id, ()))

    async def ping_user(self, user_id):  # other
        for websocket in self._connections.get(user_id, ()):
            await websocket.ping()


service = BroadcastService()


def get_service():  # other
    return service
