"""An agent chat on Django Channels with channels_redis, under uvicorn. PORT SECRET REDIS-URL correct|leaky

A group a user; whichever process serves the run sends to the group. leaky: the consumer keeps the user in an attribute
of its class, so that of two users who are served at the same time one runs into the other's group.
"""

import asyncio
import json
import random
import sys

import django
import jwt
from django.conf import settings

PORT, SECRET, REDIS, VARIANT = sys.argv[1:]
settings.configure(
    SECRET_KEY="for this process only",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS]},
        }
    },
)
django.setup()

import uvicorn  # noqa: E402 - Django wants its settings first
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")


class Chat(AsyncWebsocketConsumer):
    serving = None

    async def connect(self):
        headers = dict(self.scope["headers"])
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp", "sub"]})
        except jwt.PyJWTError:
            await self.close(4401)
            return
        self.user, self.runs = claims["sub"], set()
        await self.channel_layer.group_add(group(self.user), self.channel_name)
        await self.accept()
        await self.send(json.dumps({"type": "connection_established", "user_id": self.user}))

    async def disconnect(self, code):
        if hasattr(self, "user"):
            await self.channel_layer.group_discard(group(self.user), self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        message = json.loads(text_data)
        if message.get("type") == "start_agent":
            # the run goes on beside what else is received
            task = asyncio.ensure_future(self.run(message["payload"]))
            self.runs.add(task)
            task.add_done_callback(self.runs.discard)

    async def run(self, payload):
        type(self).serving = self.user
        for kind in EVENTS:
            await asyncio.sleep(random.uniform(0.002, 0.006))
            owner = type(self).serving if VARIANT == "leaky" else self.user
            event = {"type": kind, "user_id": self.user, "run_id": payload["run_id"], "thread_id": payload["thread_id"]}
            event["payload"] = {"text": payload["user_request"]}
            await self.channel_layer.group_send(group(owner), {"type": "agent.event", "text": json.dumps(event)})

    async def agent_event(self, event):
        await self.send(event["text"])


def group(user):
    return "user." + user.encode().hex()  # Channels allows few letters in a group's name


app = ProtocolTypeRouter({"websocket": URLRouter([path("ws", Chat.as_asgi())])})

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", lifespan="off")
