"""fastapi-websocket-pubsub: its endpoint's own main loop on Starlette's WebSocket, a topic a user.

The client subscribes to the user's topic and acknowledges each notification, as the library's client does.

Seen: ghost. A defect, if a mild one: `EventNotifier.notify` copies a topic's subscribers and `callback_subscribers`
then notifies them one after another, each after the acknowledgement of the one before. A subscriber that leaves
meanwhile is out of the topic but still in the copy, so a send to its closed connection is begun after the endpoint has
finished with it. A server under it refuses the send with RuntimeError, which the library logs as "Failed to notify
subscriber".
"""

import asyncio
import json
import logging

from fastapi_websocket_pubsub import PubSubEndpoint
from real.asgi_client import Client
from starlette.websockets import WebSocket

logging.getLogger("fastapi_ws_rpc").setLevel(logging.CRITICAL)  # it logs each send that fails, with its traceback


class PubSub:
    def __init__(self):
        self.endpoint = PubSubEndpoint()
        self.loops = {}

    async def connect(self, user_id, websocket):
        subscribed = asyncio.get_running_loop().create_future()

        def answers(text):
            message = json.loads(text)
            if message.get("request") is None:
                if not subscribed.done():
                    subscribed.set_result(None)
                return []
            reply = {"call_id": message["request"]["call_id"], "result": "None", "result_type": "str"}
            return [json.dumps({"response": reply})]

        subscribe = {"method": "subscribe", "call_id": "1", "arguments": {"topics": [user_id]}}
        client = Client(websocket, answers, [json.dumps({"request": subscribe})])
        served = WebSocket(websocket.scope, client.receive, client.send)
        loop = asyncio.create_task(self.endpoint.main_loop(served))
        self.loops[websocket] = client, loop
        await asyncio.wait([subscribed, loop], return_when=asyncio.FIRST_COMPLETED)
        return subscribed.done()  # or the connection ended before it was subscribed

    async def disconnect(self, user_id, websocket):
        client, loop = self.loops.pop(websocket)
        client.leave()
        await asyncio.wait([loop])

    async def publish(self, user_id, event):
        await self.endpoint.publish([user_id], event)
