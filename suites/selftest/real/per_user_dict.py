"""What people make of FastAPI's connection manager for users: a dict from user id to the user's WebSocket(s).

`OneEach` keeps one socket a user, as most answers and tutorials do. Seen: delivery (and golden_path with it). A second
tab replaces the first, which is never sent anything again, and either tab's closing takes the entry away.

`ListEach` keeps a list of sockets, the usual repair. Seen: delivery (and golden_path with it). The loop over the list
ends at the first tab that has gone, since its send raises, and steps over a tab when one before it closes meanwhile.

Defects of the pattern, not of Starlette.
"""

import json

from real.starlette_sockets import of, opened
from starlette.websockets import WebSocket


class OneEach:
    def __init__(self):
        self.active_connections: dict[str, WebSocket] = {}

    async def connect(self, user_id: str, websocket: WebSocket):
        await websocket.accept()
        self.active_connections[user_id] = websocket

    def disconnect(self, user_id: str, websocket: WebSocket):
        self.active_connections.pop(user_id, None)

    async def send_personal_message(self, message: str, user_id: str):
        websocket = self.active_connections.get(user_id)
        if websocket is not None:
            await websocket.send_text(message)


class ListEach:
    def __init__(self):
        self.active_connections: dict[str, list[WebSocket]] = {}

    async def connect(self, user_id: str, websocket: WebSocket):
        await websocket.accept()
        self.active_connections.setdefault(user_id, []).append(websocket)

    def disconnect(self, user_id: str, websocket: WebSocket):
        self.active_connections[user_id].remove(websocket)
        if not self.active_connections[user_id]:
            del self.active_connections[user_id]

    async def send_personal_message(self, message: str, user_id: str):
        for websocket in self.active_connections.get(user_id, []):
            await websocket.send_text(message)


class _OnStarlette:
    """Gives `manager` Starlette's own sockets."""

    manager: type

    def __init__(self):
        self.kept = self.manager()

    async def connect(self, user_id, websocket):
        await self.kept.connect(user_id, opened(websocket))

    async def disconnect(self, user_id, websocket):
        self.kept.disconnect(user_id, of(websocket))

    async def publish(self, user_id, event):
        await self.kept.send_personal_message(json.dumps(event), user_id)


class One(_OnStarlette):
    manager = OneEach


class Lists(_OnStarlette):
    manager = ListEach
