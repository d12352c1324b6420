"""Verified deliveries per client CPU-second, beside two load generators that verify the same: Locust and Artillery.

The traffic is that of `live_receive.py`: 50 users, each sent its own events, a frame a write, evenly paced by a server
in another process. Each client is a process of its own; they take turns in batches, and the processor seconds of a
client in its own batch count, all threads included; the first batch of each is not counted. Both others are spared
their statistics.

    pip install locust websocket-client                                          # into the environment of the bench
    npm install --prefix FOLDER --ignore-scripts artillery                       # 460 MB, 461 packages
    CROSSTALK_BENCH_ARTILLERY=FOLDER python live_against.py
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from live_receive import FRAMES, TOKENS, USERS, Batch, ours, paced, row
from sidebyside import Row, main

HERE = Path(__file__).parent
ARTILLERY = os.environ.get("CROSSTALK_BENCH_ARTILLERY", "")
STARTING, BATCH = 60.0, 120.0
SCRIPT = {
    "config": {
        "phases": [{"duration": 1, "arrivalCount": USERS}],
        "processor": str(HERE / "artillery_processor.cjs"),
    },
    "scenarios": [{"engine": "ws", "flow": [{"connect": {"function": "address"}}, {"function": "listen"}]}],
}


def locust() -> list[str]:
    file = str(HERE / "locust_user.py")
    users = ["-u", str(USERS), "-r", str(USERS)]
    return [sys.executable, "-m", "locust", "-f", file, "--headless", "--skip-log", *users]


def artillery(url: str, script: Path) -> list[str]:
    script.write_text(json.dumps(SCRIPT))
    return ["node", f"{ARTILLERY}/node_modules/artillery/bin/run", "run", "--quiet", "--target", url, str(script)]


@contextlib.asynccontextmanager
async def other(command: list[str], url: str) -> AsyncIterator[Batch]:
    """A client in a process of its own, which calls back when all of its users are connected."""
    called: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
    async with await asyncio.start_server(lambda *both: called.set_result(both), "127.0.0.1") as control:
        told = {
            "PACED": url,
            "CONTROL": str(control.sockets[0].getsockname()[1]),
            "FRAMES": str(FRAMES),
            "TOKENS": json.dumps(TOKENS),
            "WORKERS": "1",
            "ARTILLERY_DISABLE_TELEMETRY": "true",
        }
        process = subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.DEVNULL, cwd=HERE)
        try:
            async with asyncio.timeout(STARTING):
                lines, orders = await called

            async def batch() -> float:
                orders.write(b"go\n")
                async with asyncio.timeout(BATCH):
                    return float(await lines.readline())

            yield batch
            orders.close()
        finally:
            process.kill()
            process.wait()


async def compared(url: str, command: list[str], pairs: int) -> tuple[list[float], list[float]]:
    async with ours(url) as mine, other(command, url) as others:
        found: dict[Batch, list[float]] = {mine: [], others: []}
        for number in range(pairs + 1):
            for batch in (mine, others) if number % 2 else (others, mine):
                found[batch].append(await batch() / (USERS * FRAMES))
        return found[mine][1:], found[others][1:]


def rows(quick: bool) -> list[Row]:
    found = []
    with (
        paced() as url,
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for name, goal, there, command in (
            ("a Locust user with websocket-client", 5, importlib.util.find_spec("locust"), locust()),
            ("Artillery's ws engine", 1, ARTILLERY, artillery(url, Path(folder, "listen.json"))),
        ):
            if there:
                times = runner.run(compared(url, command, 2 if quick else 6))
                found.append(row(f"against {name}", *times, goal))
            else:
                found.append(Row(f"against {name}", "not installed: see live_against.py", f"at least {goal}"))
    return found


if __name__ == "__main__":
    main(rows)
