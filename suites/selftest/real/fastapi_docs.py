"""The connection manager that FastAPI's documentation prints ("Handling disconnections and multiple clients").

Seen: isolation, delivery, crash, blocking, golden_path. All of it is documented: `broadcast` sends to every client,
and the page says that the manager is a minimal example that keeps everything in one list. In particular the loop

    for connection in self.active_connections:
        await connection.send_text(message)

sends to everybody (isolation); ends at the first client that has gone, with that client's error raised to whoever
published (crash), and nothing for those behind it in the list (delivery, golden_path); steps over a client when one
before it leaves while a send is awaited (delivery); and waits for each client in turn (blocking).
"""

import json

from starlette.websockets import WebSocket

from real.starlette_sockets import of, opened


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
