"""What one verified delivery costs a live client: our connection beside that of `websockets`, on the same traffic.

Each user's connection is sent its own events, one frame a write, evenly paced by a server in another process that has
them ready (`paced_server.py`). Verified means: JSON decoded, type, owner and run taken, every canary found, proven
to be this run's, and held against the receiver. The clients take turns in short batches in one process; the figures
are processor seconds of that process, and their ratio.

Three clients: ours; `recv()` of `websockets` with our reading, which says what the connection alone is worth; and the
bare loop that one would write, `recv()` with json and the same verification.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from time import process_time

import uvloop
from sidebyside import Row, main, quartiles
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as library_connect

from crosstalk.auth.base import Credential
from crosstalk.model.canary import Canary, mint, read
from crosstalk.targets.reading import Pointers, canaries, reader
from crosstalk.targets.websocket import Connection, connect

KEY = b"key of the bench"
USERS, FRAMES, PER_SECOND = 50, 200, 4_000.0
TOKENS = [mint(KEY, Canary(1, user, 1, 0)) for user in range(USERS)]
Batch = Callable[[], Awaitable[float]]


class Tally:
    """Counts verified deliveries, and calls `done` after a batch; an event of somebody else would end the bench."""

    def __init__(self, done: Callable[[], None] = lambda: None) -> None:
        self.count = 0
        self.done = done
        self.read = reader(Pointers())
        self.owners: dict[bytes, int] = {}

    def verify(self, user: int, data: bytes) -> None:
        readings = self.read(data)
        assert readings is not None and readings[0].type == "agent_thinking"
        for token in canaries(data):
            owner = self.owners.get(token)
            if owner is None:
                said = read(KEY, token.decode())
                assert said is not None
                owner = self.owners[token] = said.owner
            assert owner == user
        self.one()

    def bare(self, user: int, text: str) -> None:
        event = json.loads(text)
        assert (event.get("type"), event.get("user_id") is None, event.get("run_id") is None)[0] == "agent_thinking"
        for token in _CANARY.findall(text):
            owner = self.owners.get(token)
            if owner is None:
                said = read(KEY, token)
                assert said is not None
                owner = self.owners[token] = said.owner
            assert owner == user
        self.one()

    def one(self) -> None:
        self.count += 1
        if self.count == USERS * FRAMES:
            self.count = 0
            self.done()


_CANARY = re.compile("ctk_[0-9a-f]{44}", re.IGNORECASE)


@contextlib.asynccontextmanager
async def ours(url: str) -> AsyncIterator[Batch]:
    done = asyncio.Event()
    verify = Tally(done.set).verify

    def receive(connection: Connection, data: bytes) -> None:
        verify(connection.number, data)

    opened = []
    for user in range(USERS):
        connection = await connect(f"{url}?canary={TOKENS[user]}", Credential("u"), receive, lambda c, how: None)
        connection.number = user
        opened.append(connection)

    async def batch() -> float:
        done.clear()
        for connection in opened:
            await connection.send(json.dumps({"send": FRAMES}))
        began = process_time()
        await done.wait()
        return process_time() - began

    yield batch
    for connection in opened:
        await connection.close()


@contextlib.asynccontextmanager
async def library(url: str, bare: bool) -> AsyncIterator[Batch]:
    done = asyncio.Event()
    tally = Tally(done.set)

    async def listen(user: int, connection: ClientConnection) -> None:
        while True:
            if bare:
                tally.bare(user, await connection.recv(decode=True))
            else:
                tally.verify(user, await connection.recv(decode=False))

    opened, tasks = [], []
    for user in range(USERS):
        connection = await library_connect(
            f"{url}?canary={TOKENS[user]}", proxy=None, compression=None, ping_interval=None
        )
        opened.append(connection)
        tasks.append(asyncio.create_task(listen(user, connection)))

    async def batch() -> float:
        done.clear()
        for connection in opened:
            await connection.send(json.dumps({"send": FRAMES}))
        began = process_time()
        await done.wait()
        return process_time() - began

    yield batch
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for connection in opened:
        await connection.close()


async def compared(url: str, pairs: int) -> list[list[float]]:
    async with ours(url) as a, library(url, False) as b, library(url, True) as c:
        clients = [a, b, c]
        for batch in clients:
            await batch()
        found: list[list[float]] = [[], [], []]
        for number in range(pairs):
            for which in (0, 1, 2) if number % 2 else (2, 1, 0):
                found[which].append(await clients[which]() / (USERS * FRAMES))
        return found


@contextlib.contextmanager
def paced() -> Iterator[str]:
    """The address of a paced server in another process."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("paced_server.py")), str(PER_SECOND)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    with server.stdout:
        try:
            yield f"ws://127.0.0.1:{int(server.stdout.readline())}/"
        finally:
            server.terminate()
            server.wait()


def row(what: str, mine: list[float], others: list[float], goal: float) -> Row:
    """Deliveries per processor second, from processor seconds a delivery of batches in turns."""
    low, ratio, high = quartiles([other / own for own, other in zip(mine, others, strict=True)])
    rates = f"{1 / statistics.median(mine):,.0f} against {1 / statistics.median(others):,.0f} /s"
    measured = f"{ratio:.2f} ({low:.2f} to {high:.2f}): {rates}"
    return Row(f"verified deliveries per client CPU-second {what}", measured, f"at least {goal:g}", ratio >= goal)


def rows(quick: bool) -> list[Row]:
    with paced() as url:
        found = []
        for name, factory in (("asyncio", None), ("uvloop", uvloop.new_event_loop)):
            with asyncio.Runner(loop_factory=factory) as runner:
                times = runner.run(compared(url, 2 if quick else 6))
            for which, what, goal in ((1, "recv() and our reading", 1.5), (2, "recv() and json", 1.8)):
                found.append(row(f"on {name}, against `websockets` {what}", times[0], times[which], goal))
        return found


if __name__ == "__main__":
    main(rows)
