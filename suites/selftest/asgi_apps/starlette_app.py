"""Starlette. `right` keeps each user's sockets; `wrong` keeps the current recipient in a variable of the module.

In `wrong` the handler writes `recipient`, waits for the body of the request, and reads it again: a request for another
user that comes between sends this one's event to the other.
"""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

sockets = {}
recipient = ""


async def chat(websocket):
    user = websocket.path_params["user"]
    await websocket.accept()
    sockets.setdefault(user, []).append(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        sockets[user].remove(websocket)
        if not sockets[user]:
            del sockets[user]


async def tell(user, event):
    for websocket in list(sockets.get(user, ())):
        if websocket in sockets.get(user, ()):  # it may have left while another one was sent to
            with suppress(WebSocketDisconnect, RuntimeError):
                await websocket.send_json(event)


async def publish(request):
    await tell(request.path_params["user"], await request.json())
    return Response(status_code=204)


async def publish_to_current(request):
    global recipient
    recipient = request.path_params["user"]
    event = await request.json()
    await audit(event)
    await tell(recipient, event)
    return Response(status_code=204)


async def audit(event):
    """Writes the event to an audit log, off the loop."""
    await asyncio.to_thread(repr, event)


def application(handler):
    return Starlette(
        routes=[
            WebSocketRoute("/ws/{user}", chat),
            Route("/users/{user}/events", handler, methods=["POST"]),
        ]
    )


right = application(publish)
wrong = application(publish_to_current)
