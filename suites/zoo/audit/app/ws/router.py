"""An event router with a registry of its own."""

from app.ws.service import BroadcastService, get_service


class WebSocketEventRouter:
    def __init__(self, manager=None):
        self.manager = manager or BroadcastService()
        self.connection_pool = {}

    async def broadcast_to_user(self, user_id: str, event: dict) -> int:  # real
        sent = 0
        pool = self.connection_pool.get(user_id)
        if not pool:
            return 0
        for info in pool:
            if await self._send_to_connection(info, event):
                sent += 1
        return sent

    async def _send_to_connection(self, info, event):  # other
        try:
            await info.websocket.send_json(event)
            return True
        except Exception:
            return False

    async def route_event(self, user_id, connection_id, event):  # adapter
        return await self.manager.broadcast_to_user(user_id, event)

    def register_connection(self, user_id, connection_id, websocket):  # other
        self.connection_pool.setdefault(user_id, []).append(websocket)


class UserScopedRouter:
    """Sends only to the user it was made for."""

    def __init__(self, user_id, sockets):
        self.user_id = user_id
        self.sockets = sockets

    async def broadcast_to_user(self, event):  # real
        for socket in self.sockets[self.user_id]:
            await socket.send_json(event)


async def broadcast_user_event(event, user_context):  # adapter
    router = WebSocketEventRouter()
    return await router.broadcast_to_user(user_context.user_id, event)


async def notify_user(user_id, message):  # adapter
    return await get_service().broadcast_to_user(user_id, message)
