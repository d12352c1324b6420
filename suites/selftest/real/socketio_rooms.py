"""python-socketio's AsyncServer with engine.io's ASGI application below it, a room a user.

The client connects to the default namespace and answers pings, as the JavaScript client does.

Seen: clean. A room is a dict of its own, `emit` takes a copy of it and begins every send before it awaits any, and each
connection has a queue and a writer of its own, so nobody waits for another's connection.
"""

import asyncio

import socketio
from real.asgi_client import Client


class Heartbeats:
    def __init__(self, **options):
        self.server = socketio.AsyncServer(async_mode="asgi", **options)
        self.application = socketio.ASGIApp(self.server)
        self.server.on("connect", self._connected)
        self.requests = {}

    async def _connected(self, sid, environ):
        await self.server.enter_room(sid, environ["asgi.scope"]["user"])

    async def connect(self, user_id, websocket):
        connected = asyncio.get_running_loop().create_future()

        def answers(text):
            if text.startswith("0"):  # engineio has opened the connection: open the namespace
                return ["40"]
            if text.startswith("40") and not connected.done():
                connected.set_result(None)
            return ["3"] if text == "2" else []

        client = Client(websocket, answers, reads=lambda text: text.lstrip("0123456789"))
        scope = {**websocket.scope, "path": "/socket.io/", "query_string": b"EIO=4&transport=websocket"}
        scope |= {"user": user_id, "headers": [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]}
        request = asyncio.create_task(self.application(scope, client.receive, client.send))
        self.requests[websocket] = client, request
        await asyncio.wait([connected, request], return_when=asyncio.FIRST_COMPLETED)
        return connected.done()  # or the connection ended before the namespace was open

    async def disconnect(self, user_id, websocket):
        client, request = self.requests.pop(websocket)
        client.leave()
        await asyncio.wait([request])

    async def publish(self, user_id, event):
        await self.server.emit("event", event, room=user_id)


class Rooms(Heartbeats):
    """Without the pings, of which a simulated day has thousands."""

    def __init__(self):
        super().__init__(monitor_clients=False, ping_interval=10_000_000, ping_timeout=10_000_000)
        begin = self.server.eio.start_background_task
        self.server.eio.start_background_task = lambda target, *arguments: (
            None if target.__name__ == "_send_ping" else begin(target, *arguments)
        )
