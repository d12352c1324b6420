"""One measurement of one broadcaster, in a process of its own: `python -m crosstalk.consolidation.workload REQUEST`.

REQUEST is JSON: the target's SPEC, method names, how events are given, numbers of users, events to publish. The
process prints its figures as JSON. Plain asyncio, real time; connections take what they are sent, encode it as a real
one would, and give the loop a turn. A warm-up comes first; garbage is collected between phases and not within them.
Memory is traced in a second pass, for tracing slows everything down.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
import tracemalloc
from typing import Any

import msgspec

from crosstalk.consolidation.side import Side
from crosstalk.targets.in_process import Adapter
from crosstalk.targets.loader import load

PATIENCE = 10.0


class Request(msgspec.Struct, frozen=True):
    spec: str
    names: dict[str, str]
    form: str
    users: tuple[int, ...]
    events: int


class Figures(msgspec.Struct, frozen=True):
    """Of one number of users. Seconds, bytes, counts; `lost` events never arrived."""

    users: int
    publish: float
    delivery: float
    delivery_p99: float
    per_second: float
    cpu: float
    retained: float
    peak: float
    left_over: float
    tasks: float
    objects: float
    lost: int


class _Sink:
    """The far end of all connections of a run: counts what arrives."""

    def __init__(self) -> None:
        self.arrived = 0
        self.wanted = 0
        self.done = asyncio.Event()
        self.latest = 0.0

    def expect(self, count: int) -> None:
        self.arrived, self.wanted = 0, count
        self.done.clear()

    def take(self) -> None:
        self.arrived += 1
        self.latest = time.perf_counter()
        if self.arrived >= self.wanted:
            self.done.set()

    async def wait(self) -> int:
        """How many are missing in the end."""
        if self.arrived < self.wanted:
            try:
                await asyncio.wait_for(self.done.wait(), PATIENCE)
            except TimeoutError:
                return self.wanted - self.arrived
        return 0


class _Connection:
    def __init__(self, sink: _Sink) -> None:
        self._sink = sink

    async def _took(self) -> None:
        await asyncio.sleep(0)
        self._sink.take()

    async def send_json(self, data: Any, mode: str = "text") -> None:
        json.dumps(data)
        await self._took()

    async def send_text(self, data: str) -> None:
        await self._took()

    async def send_bytes(self, data: bytes) -> None:
        await self._took()

    async def send(self, message: Any) -> None:
        await self._took()

    async def accept(self, *more: Any, **options: Any) -> None: ...

    async def close(self, *more: Any, **options: Any) -> None: ...


def _event(user: str, number: int) -> dict[str, Any]:
    return {
        "type": "partial_result",
        "run_id": f"run-{number % 7}",
        "thread_id": "thread-0",
        "user_id": user,
        "payload": {"canary": f"{number:032x}", "text": "some words of an answer"},
    }


async def _made(request: Request) -> Side:
    made = load(request.spec)()
    broadcaster = await made if hasattr(type(made), "__await__") else made
    return Side(broadcaster, Adapter(broadcaster, request.names, request.form))


async def _connected(side: Side, users: list[str], sink: _Sink) -> list[tuple[str, _Connection]]:
    links = [(user, _Connection(sink)) for user in users]
    for user, connection in links:
        await side.connect(user, connection)
    return links


async def _timed(request: Request, count: int) -> dict[str, float]:
    """Latency one event after another, then throughput with a hundred at a time."""
    side, sink = await _made(request), _Sink()
    users = [f"user-{number}" for number in range(count)]
    links = await _connected(side, users, sink)
    lost = 0

    async def one(number: int) -> tuple[float, float]:
        user = users[number % count]
        sink.expect(1)
        start = time.perf_counter()
        await side.publish(user, _event(user, number))
        returned = time.perf_counter()
        nonlocal lost
        lost += await sink.wait()
        return returned - start, sink.latest - start

    for number in range(max(30, request.events // 10)):
        await one(number)
    gc.collect()
    began = time.process_time()
    samples = [await one(number) for number in range(request.events)]
    sink.expect(request.events)
    start = time.perf_counter()
    for first in range(0, request.events, 100):
        batch = [users[n % count] for n in range(first, min(first + 100, request.events))]
        await asyncio.gather(*(side.publish(user, _event(user, first)) for user in batch))
    lost += await sink.wait()
    seconds = time.perf_counter() - start
    cpu = (time.process_time() - began) / (2 * request.events)
    for user, connection in links:
        await side.disconnect(user, connection)
    publish, delivery = zip(*samples, strict=True)
    return {
        "publish": statistics.median(publish),
        "delivery": statistics.median(delivery),
        "delivery_p99": sorted(delivery)[int(len(delivery) * 0.99)],
        "per_second": request.events / seconds,
        "cpu": cpu,
        "lost": lost,
    }


async def _traced(request: Request, count: int) -> dict[str, float]:
    """Memory, objects and tasks for each connection."""
    users = [f"user-{number}" for number in range(count)]
    side, sink = await _made(request), _Sink()
    gc.collect()
    objects, tasks = len(gc.get_objects()), len(asyncio.all_tasks())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        links = await _connected(side, users, sink)
        await asyncio.sleep(0)
        gc.collect()
        retained = tracemalloc.get_traced_memory()[0] - before
        more_objects, more_tasks = len(gc.get_objects()) - objects, len(asyncio.all_tasks()) - tasks
        tracemalloc.reset_peak()
        events = max(100, count)
        sink.expect(events)
        for first in range(0, events, 100):
            batch = [users[n % count] for n in range(first, min(first + 100, events))]
            await asyncio.gather(*(side.publish(user, _event(user, first)) for user in batch))
        await sink.wait()
        peak = tracemalloc.get_traced_memory()[1] - before
        for user, connection in links:
            await side.disconnect(user, connection)
        links.clear()
        await asyncio.sleep(0)
        gc.collect()
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return {
        "retained": retained / count,
        "peak": peak / count,
        "left_over": max(0, left) / count,
        "tasks": more_tasks / count,
        "objects": more_objects / count,
    }


def measure(request: Request) -> list[Figures]:
    figures = []
    for count in request.users:
        gc.collect()
        gc.disable()
        timed = asyncio.run(_timed(request, count))
        gc.enable()
        figures.append(msgspec.convert({"users": count, **timed, **asyncio.run(_traced(request, count))}, Figures))
    return figures


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.argv[1], type=Request)
    sys.stdout.write(msgspec.json.encode(measure(wanted)).decode())
