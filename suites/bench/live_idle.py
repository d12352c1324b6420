"""What an idle, authenticated connection costs: 10,000 of them in one process, ours beside plain `websockets`.

Each side opens its connections in a fresh process, fifty at a time, to a server in another one that checks the token
each carries. Memory is what the process's resident set has grown by, processor time what the opening took; both on
uvloop, both without compression and keepalive. Ours would verify what arrives; of `websockets` nobody reads.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import process_time
from typing import Any

import uvloop
from idle_server import mac, open_many
from live_receive import Tally
from sidebyside import Row, main, quartiles
from websockets.asyncio.client import connect as library_connect

from crosstalk.auth.base import Credential
from crosstalk.targets.websocket import connect

KEY = "key of the bench"
AT_ONCE = 50
Open = Callable[[int], Awaitable[Any]]


def headers(user: int) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer user{user}.{mac(KEY, f'user{user}')}"),)


def ours(url: str) -> Open:
    tally = Tally()

    async def open_(user: int) -> Any:
        credential = Credential(f"user{user}", headers(user))
        return await connect(url, credential, lambda c, data: tally.verify(user, data), lambda c, how: None)

    return open_


def library(url: str) -> Open:
    async def open_(user: int) -> Any:
        return await library_connect(
            url, additional_headers=headers(user), proxy=None, compression=None, ping_interval=None
        )

    return open_


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def opened(open_: Open, count: int) -> tuple[float, float]:
    """Bytes and processor seconds that one connection takes."""
    kept = [await open_(number) for number in range(AT_ONCE)]  # what the first ones bring with them counts for nobody
    gc.collect()
    memory, began = resident(), process_time()
    for first in range(AT_ONCE, AT_ONCE + count, AT_ONCE):
        kept += await asyncio.gather(*(open_(number) for number in range(first, first + AT_ONCE)))
    used = process_time() - began
    gc.collect()
    return (resident() - memory) / count, used / count


def client(side: str, url: str, count: int) -> None:
    open_many()
    open_ = {"ours": ours, "library": library}[side](url)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(opened(open_, count))), flush=True)
        os._exit(0)  # ten thousand polite farewells are not what is measured


def measured(side: str, count: int) -> tuple[float, float]:
    """One side against a fresh server."""
    python, here = sys.executable, Path(__file__)
    command = [python, str(here.with_name("idle_server.py")), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}/"
        try:
            took = json.loads(subprocess.check_output([python, str(here), "client", side, url, str(count)]))
            return took[0], took[1]
        finally:
            server.terminate()


def rows(quick: bool) -> list[Row]:
    count, rounds = (2_000, 2) if quick else (10_000, 5)
    taken: dict[str, list[tuple[float, float]]] = {"ours": [], "library": []}
    for number in range(rounds):
        for side in ("ours", "library") if number % 2 else ("library", "ours"):
            taken[side].append(measured(side, count))
    found = []
    for at, what, factor, unit, most in ((0, "memory", 1 / 1024, "KB", 12), (1, "processor time", 1e3, "ms", 0.35)):
        mine, others = ([one[at] * factor for one in taken[side]] for side in ("ours", "library"))
        value = quartiles(mine)[1]
        of_one = f"{what} of one of {count:,} idle authenticated connections"
        found.append(Row(of_one, f"{value:.2f} {unit}", f"under {most:g} {unit}", value < most))
        low, ratio, high = quartiles([own / other for own, other in zip(mine, others, strict=True)])
        share = f"{ratio:.2f} ({low:.2f} to {high:.2f}): {value:.2f} against {quartiles(others)[1]:.2f} {unit}"
        found.append(Row("... against plain `websockets`", share, "at most 0.7", ratio <= 0.7))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        client(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(rows)
