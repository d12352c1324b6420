"""The work that is measured: users with some connections each, who connect, are sent events, and disconnect.

Twice the same: as a program that Crosstalk plays, and by hand on whatever loop runs. Every call is a task of its own in
both, as each request is in production; each user's calls follow one another, and the users go on at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from crosstalk.model.identity import identities
from crosstalk.scenarios.program import AnyStep, Connect, Program, Publish

USERS, CONNECTIONS, EVENTS = 3, 2, 5


class Hub:
    """The connection manager that the FastAPI documentation teaches, by user: as little as a broadcaster can do."""

    def __init__(self) -> None:
        self.connections: dict[str, list[Any]] = {}

    async def connect(self, user_id: str, websocket: Any) -> None:
        self.connections.setdefault(user_id, []).append(websocket)

    async def disconnect(self, user_id: str, websocket: Any) -> None:
        self.connections[user_id].remove(websocket)

    async def broadcast_to_user(self, user_id: str, event: dict[str, Any]) -> None:
        for websocket in list(self.connections.get(user_id, ())):
            await websocket.send_json(event)


def program(users: int = USERS, connections: int = CONNECTIONS, events: int = EVENTS) -> Program:
    tracks: list[tuple[AnyStep, ...]] = []
    devices: list[int] = []
    for user in range(users):
        first = len(devices)
        devices += [user] * connections
        tracks.append((*(Connect(first + i) for i in range(connections)), *(Publish(user) for _ in range(events))))
    return Program(identities("plain", users), tuple(devices), tuple(tracks))


class Socket:
    """Takes one turn of the loop for a send, and forgets what it was sent."""

    async def send_json(self, data: Any) -> None:
        await asyncio.sleep(0)


async def by_hand(
    factory: Callable[[], Any],
    users: int = USERS,
    connections: int = CONNECTIONS,
    events: int = EVENTS,
    probe: bool = False,
    socket: Callable[[], Any] = Socket,
) -> None:
    """The same work on the running loop; with `probe`, also the event a user that Crosstalk ends each run with."""
    hub = factory()
    loop = asyncio.get_running_loop()
    names = identities("plain", users)
    opened: list[tuple[str, Any]] = []

    def event(name: str, number: int) -> dict[str, Any]:
        return {
            "type": "partial_result",
            "run_id": "run-0",
            "thread_id": "thread-0",
            "payload": {"text": f"for {number}"},
            "user_id": name,
        }

    async def track(name: str) -> None:
        for _ in range(connections):
            made = socket()
            await loop.create_task(hub.connect(name, made))
            opened.append((name, made))
        for number in range(events):
            await loop.create_task(hub.broadcast_to_user(name, event(name, number)))

    for task in [loop.create_task(track(name)) for name in names]:
        await task
    if probe:
        for task in [loop.create_task(hub.broadcast_to_user(name, event(name, events))) for name in names]:
            await task
    for task in [loop.create_task(hub.disconnect(name, made)) for name, made in opened]:
        await task
