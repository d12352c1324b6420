"""Asks each socket for its state before it sends, as many Starlette applications do."""

from starlette.websockets import WebSocketDisconnect, WebSocketState


class Manager:
    def __init__(self):
        self.by_user = {}

    async def connect(self, websocket, user_id):
        await websocket.accept()
        self.by_user.setdefault(user_id, []).append(websocket)

    async def disconnect(self, websocket, user_id):
        mine = self.by_user.get(user_id, [])
        if websocket in mine:
            mine.remove(websocket)
        if not mine:
            self.by_user.pop(user_id, None)

    async def broadcast_to_user(self, user_id, message):
        for websocket in self.by_user.get(user_id, [])[:]:
            if websocket not in self.by_user.get(user_id, []):
                continue
            if websocket.client_state is not WebSocketState.CONNECTED:
                continue
            try:
                await websocket.send_json(message)
            except (WebSocketDisconnect, RuntimeError, ConnectionError):
                pass


def create():
    return Manager()
