"""A connection that has not taken a frame for a minute is closed. Every 20 seconds of silence it is sent a heartbeat,
which counts as a frame; a heartbeat that can't be written in time ends the connection."""

import asyncio
import copy

STRICT = True

HEARTBEAT = 20.0
IDLE = 60.0


class Client:
    def __init__(self, websocket):
        self.websocket = websocket
        self.writing = asyncio.Lock()
        self.last = asyncio.get_running_loop().time()
        self.keeper = None


class IdleCloser:
    def __init__(self):
        self.clients = {}

    async def connect(self, user_id, websocket):
        client = Client(websocket)
        self.clients.setdefault(user_id, {})[websocket] = client
        client.keeper = asyncio.create_task(self._keep(user_id, client))

    async def disconnect(self, user_id, websocket):
        client = self._forget(user_id, websocket)
        if client is not None:
            client.keeper.cancel()

    def _forget(self, user_id, websocket):
        clients = self.clients.get(user_id, {})
        client = clients.pop(websocket, None)
        if not clients:
            self.clients.pop(user_id, None)
        return client

    async def _send(self, user_id, client, data):
        async with client.writing:
            if self.clients.get(user_id, {}).get(client.websocket) is not client:
                return False
            try:
                await client.websocket.send_json(data)
            except (RuntimeError, ConnectionError):
                return False
            client.last = asyncio.get_running_loop().time()
            return True

    async def _keep(self, user_id, client):
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.001, client.last + HEARTBEAT - loop.time()))
            if loop.time() - client.last < HEARTBEAT:
                continue
            try:
                async with asyncio.timeout(IDLE - HEARTBEAT):
                    alive = await self._send(user_id, client, {"type": "heartbeat"})
            except TimeoutError:
                alive = False
            if not alive:
                self._forget(user_id, client.websocket)
                try:
                    await client.websocket.close(1001)
                except (RuntimeError, ConnectionError):
                    pass
                return

    async def broadcast_to_user(self, user_id, event):
        event = copy.deepcopy(event)
        clients = list(self.clients.get(user_id, {}).values())
        results = await asyncio.gather(*(self._send(user_id, client, event) for client in clients))
        return sum(results)


def create():
    return IdleCloser()
