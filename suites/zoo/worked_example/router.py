"""The first of three: an event router with a pool of its own."""


class EventRouter:
    def __init__(self):
        self.pool = {}

    async def register_connection(self, user_id, websocket):
        self.pool.setdefault(user_id, []).append(websocket)

    async def remove_connection(self, user_id, websocket):
        self.pool[user_id].remove(websocket)
        if not self.pool[user_id]:
            del self.pool[user_id]

    async def broadcast_to_user(self, user_id, event):
        sent = 0
        for websocket in list(self.pool.get(user_id, ())):
            if websocket not in self.pool.get(user_id, ()):
                continue
            try:
                await websocket.send_json(event)
                sent += 1
            except (RuntimeError, ConnectionError):
                pass
        return sent
