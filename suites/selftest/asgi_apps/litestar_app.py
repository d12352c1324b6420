"""Litestar: a WebSocket handler, a synchronous guard of the token in the query, a POST handler.

In `wrong` all users' events go through one queue, and whoever's sender takes one sends it: the sender of the user who
connected last looks up its own socket instead of the event's.
"""

import asyncio
from collections import defaultdict

from litestar import Litestar, WebSocket, post, websocket
from litestar.exceptions import WebSocketDisconnect

queues: dict[str, set[asyncio.Queue]] = defaultdict(set)


@websocket("/ws")
async def chat(socket: WebSocket) -> None:
    user = socket.query_params["token"]
    await socket.accept()
    queue: asyncio.Queue = asyncio.Queue()
    queues[user].add(queue)
    sender = asyncio.create_task(send(socket, queue))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        queues[user].discard(queue)
        if not queues[user]:
            del queues[user]
        sender.cancel()
        await asyncio.wait([sender])


async def send(socket, queue):
    while True:
        event = await queue.get()
        try:
            await socket.send_json(event)
        except (WebSocketDisconnect, RuntimeError, OSError):
            return


@post("/users/{user:str}/events", status_code=202)
async def publish(user: str, data: dict) -> None:
    for queue in queues.get(user, ()):
        queue.put_nowait(data)


shared: asyncio.Queue | None = None
senders = 0


@websocket("/ws")
async def shared_chat(socket: WebSocket) -> None:
    global shared, senders
    await socket.accept()
    if shared is None:
        shared = asyncio.Queue()
    senders += 1
    sender = asyncio.create_task(send(socket, shared))
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        senders -= 1
        if not senders:
            shared = None
        sender.cancel()
        await asyncio.wait([sender])


@post("/users/{user:str}/events", status_code=202)
async def shared_publish(user: str, data: dict) -> None:
    if shared is not None:
        shared.put_nowait(data)


right = Litestar([chat, publish])
wrong = Litestar([shared_chat, shared_publish])
