"""What one verified delivery costs a live client: our connection beside that of `websockets`, on the same traffic.

Each user's connection is sent its own events, one frame a write, evenly paced by a server in another process that has
them ready (`paced_server.py`). Verified means: JSON decoded, type, owner and run taken, every canary found, proven
to be this run's, and held against the receiver. The clients take turns in short batches in one process; the figures
are processor seconds of that process, and their ratio.

Recorded means besides: laid to its owner and run, written into the history's columns and the journal on disk, and
judged by the live checks. What that takes of the whole is a row of its own.

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
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from time import process_time

import uvloop
from sidebyside import Row, main, quartiles
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as library_connect

from crosstalk.auth.base import Credential
from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.model.canary import Canary, mint, read
from crosstalk.model.live_history import STARTED, LiveHistory
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.live.record import Recorder
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


def frames() -> list[bytes]:
    """A user's event each, as the paced server sends it."""
    return [
        json.dumps(
            {
                "type": "agent_thinking",
                "run_id": token[-12:],
                "user_id": f"crosstalk-user-{user:04}",
                "thread_id": "thread-of-" + token[-8:],
                "timestamp": 1_700_000_000.123,
                "payload": {"reasoning": f"about {token}: " + "considering the request " * 8},
            }
        ).encode()
        for user, token in enumerate(TOKENS)
    ]


def recorded(count: int) -> tuple[float, float]:
    """Processor seconds a delivery to read and record it, journal and all, and to judge it."""
    known = Known(KEY, tuple(f"crosstalk-user-{user:04}" for user in range(USERS)))
    history = LiveHistory(known.users, 1)
    data = frames()
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "live.jsonl") as journal:
        recorder = Recorder(known, reader(Pointers()), history, journal)
        for user in range(USERS):
            recorder.apply("connecting", user, 0, 0.0)
            recorder.apply("connected", user, 0.1)
            recorder.apply("run", user, 1, user, 1.0)
            recorder.apply("asked", user, 1.0, STARTED, "")
        began = process_time()
        for number in range(count):
            recorder.receive(number % USERS, round(time.monotonic(), 6), data[number % USERS])
        journal.flush()
        read_in = process_time()
        for check in LIVE_CHECKS.values():
            check(history)
        return (read_in - began) / count, (process_time() - read_in) / count


def verified(count: int) -> float:
    """Processor seconds a delivery to verify it, and nothing more."""
    tally = Tally()
    data = frames()
    began = process_time()
    for number in range(count):
        tally.verify(number % USERS, data[number % USERS])
    return (process_time() - began) / count


def share(received: float, count: int) -> Row:
    """What recording and checks take, where receiving and verifying takes `received` seconds a delivery."""
    bare = verified(count)
    recording, judging = recorded(count)
    more = recording - bare + judging
    whole = received + more
    measured = f"{more / whole:.0%} of {whole * 1e6:.1f} us: recording {(recording - bare) * 1e6:.1f} us, "
    measured += f"judging {judging * 1e6:.1f} us"
    what = "of a live delivery's processor time, recording and checks take"
    return Row(what, measured, "at most 25 %", more / whole <= 0.25)


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
            found.append(share(statistics.median(times[0]), 20_000 if quick else 100_000))
        return found


if __name__ == "__main__":
    main(rows)
