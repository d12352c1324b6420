"""The connection manager that FastAPI's documentation prints ("Handling disconnections and multiple clients").

Seen: isolation, delivery, blocking, crash, and golden_path with delivery. All of it is documented behaviour:
`broadcast` is there to reach every client, and the page calls the manager a minimal example that keeps everything in
one list in memory. In particular its loop

    for connection in self.active_connections:
        await connection.send_text(message)

reaches everybody (isolation); ends at the first client that has gone, with that client's WebSocketDisconnect raised to
whoever publishes for another (crash) and nothing for those behind it in the list (delivery); steps over a client when
one before it leaves while a send is awaited (delivery); and waits for each client in turn (blocking).
"""

import json

from real.starlette_sockets import of, opened
from starlette.websockets import WebSocket


class ConnectionManager:
    def __init__(self):
        self.active_connections: list[WebSocket] = []

    async def connect(self, websocket: WebSocket):
        await websocket.accept()
        self.active_connections.append(websocket)

    def disconnect(self, websocket: WebSocket):
        self.active_connections.remove(websocket)

    async def send_personal_message(self, message: str, websocket: WebSocket):
        await websocket.send_text(message)

    async def broadcast(self, message: str):
        for connection in self.active_connections:
            await connection.send_text(message)


class Broadcast:
    """As the documented endpoint calls it: what a client writes goes to all of them."""

    def __init__(self):
        self.manager = ConnectionManager()

    async def connect(self, user_id, websocket):
        await self.manager.connect(opened(websocket))

    async def disconnect(self, user_id, websocket):
        self.manager.disconnect(of(websocket))

    async def publish(self, user_id, event):
        await self.manager.broadcast(json.dumps(event))
