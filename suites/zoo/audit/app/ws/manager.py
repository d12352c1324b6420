"""A connection manager after the well-known tutorial."""

import json


class ConnectionManager:
    def __init__(self):
        self.active_connections = []
        self.by_user = {}

    async def connect(self, websocket, user_id):  # other
        await websocket.accept()
        self.active_connections.append(websocket)
        self.by_user[user_id] = websocket

    async def send_personal_message(self, message: str, websocket):  # other
        await websocket.send_text(message)

    async def send_to_user(self, user_id: str, payload: dict):  # real
        websocket = self.by_user.get(user_id)
        if websocket is not None:
            await websocket.send_text(json.dumps(payload))

    async def broadcast(self, message: str):  # other
        for connection in self.active_connections:
            await connection.send_text(message)

    async def send_error(self, user_id, text):  # adapter
        await self.send_to_user(user_id, {"type": "error", "text": text})

    async def agent_started(self, user_id, run_id):  # adapter
        await self.send_to_user(user_id, {"type": "agent_started", "run_id": run_id})

    def is_connected(self, user_id):  # other
        return user_id in self.by_user


manager = ConnectionManager()
