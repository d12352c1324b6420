"""The second: after the well-known tutorial, one connection a user."""


class ConnectionManager:
    def __init__(self):
        self.by_user = {}

    async def connect(self, websocket, user_id):
        self.by_user[user_id] = websocket

    async def disconnect(self, websocket, user_id):
        if self.by_user.get(user_id) is websocket:
            del self.by_user[user_id]

    async def send_to_user(self, user_id, message):
        websocket = self.by_user.get(user_id)
        if websocket is not None:
            await websocket.send_json(message)


manager = ConnectionManager()


async def notify_user(user_id, message):
    await manager.send_to_user(user_id, message)
