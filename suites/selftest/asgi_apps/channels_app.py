"""Django with Channels: a consumer a connection, a group a user, the in-memory layer; a synchronous Django view
publishes with `async_to_sync(layer.group_send)`, as Channels' documentation shows.

In `wrong` users whose ids are of odd length share a group. Memberships of a group last for ten years: unless told
so Channels ends them after a day, and connections that stay for longer lose their events (documented, and found).
"""

import hashlib
import json

import django
from asgiref.sync import async_to_sync
from django.conf import settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        CHANNEL_LAYERS={
            "default": {
                "BACKEND": "channels.layers.InMemoryChannelLayer",
                "CONFIG": {"group_expiry": 10 * 365 * 86_400},
            }
        },
    )
    django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def group(user: str) -> str:
    return "user." + hashlib.sha256(user.encode()).hexdigest()[:40]


def shared(user: str) -> str:
    return "user.odd" if len(user) % 2 else group(user)


class Chat(AsyncWebsocketConsumer):
    name = staticmethod(group)

    async def connect(self):
        self.group = self.name(self.scope["url_route"]["kwargs"]["user"])
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def user_event(self, message):
        await self.send(text_data=message["text"])


class Shared(Chat):
    name = staticmethod(shared)


def publish(name):
    @csrf_exempt
    def view(request, user):
        event = json.loads(request.body)
        async_to_sync(get_channel_layer().group_send)(name(user), {"type": "user.event", "text": json.dumps(event)})
        return HttpResponse(status=204)

    return view


urlpatterns = [
    path("users/<user>/events", publish(group)),
    path("shared/<user>/events", publish(shared)),
]


def application(consumer):
    routes = [path("ws/<user>", consumer.as_asgi())]
    return ProtocolTypeRouter(
        {"http": get_asgi_application(), "websocket": AllowedHostsOriginValidator(URLRouter(routes))}
    )


class Synchronous(WebsocketConsumer):
    """As `Chat`, written without async: Channels runs it in threads."""

    def connect(self):
        self.group = group(self.scope["url_route"]["kwargs"]["user"])
        async_to_sync(self.channel_layer.group_add)(self.group, self.channel_name)
        self.accept()

    def disconnect(self, code):
        async_to_sync(self.channel_layer.group_discard)(self.group, self.channel_name)

    def user_event(self, message):
        self.send(text_data=message["text"])


right = application(Chat)
synchronous = application(Synchronous)
wrong = application(Shared)
