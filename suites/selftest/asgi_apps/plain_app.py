"""A chat in plain ASGI; tests append functions of their own, which take the place of those here."""

import asyncio
import json
from contextlib import suppress
from urllib.parse import unquote

sockets = {}


async def lifespan(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    await starting(scope["state"], send)
    assert (await receive())["type"] == "lifespan.shutdown"
    await stopping(send)


async def starting(state, send):
    state["greeting"] = "hello"
    await send({"type": "lifespan.startup.complete"})


async def stopping(send):
    await send({"type": "lifespan.shutdown.complete"})


def name(scope):
    return unquote(scope["raw_path"].decode().split("/")[2])


async def chat(scope, receive, send):
    user = name(scope)
    assert (await receive())["type"] == "websocket.connect"
    if await accept(scope, send) is False:
        return
    await register(user, send)
    try:
        await listen(user, receive, send)
    finally:
        await leave(user, send)


async def accept(scope, send):
    await send({"type": "websocket.accept"})


async def register(user, send):
    await asyncio.sleep(0)
    sockets.setdefault(user, []).append(send)


async def listen(user, receive, send):
    while (message := await receive())["type"] != "websocket.disconnect":
        await said(user, message["text"], send)


async def leave(user, send):
    sockets[user].remove(send)
    if not sockets[user]:
        del sockets[user]


async def said(user, text, send):
    pass


async def tell(user, event):
    for send in list(sockets.get(user, ())):
        if send in sockets.get(user, ()):  # it may have left while another one was sent to
            with suppress(OSError):
                await send({"type": "websocket.send", "text": json.dumps(event)})


async def publish(scope, receive, send):
    await answer(send, await take(name(scope), (await receive())["body"], receive))


async def take(user, body, receive):
    await tell(user, json.loads(body))
    return 204


async def answer(send, status):
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def app(scope, receive, send):
    await {"lifespan": lifespan, "websocket": chat, "http": publish}[scope["type"]](scope, receive, send)
