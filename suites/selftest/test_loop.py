"""In plain order the virtual loop behaves as asyncio does; and a run is a function of its program and tape."""

import asyncio
import random

import pytest

from crosstalk.schedule.loop import NeverQuiet, RealSocketError, VirtualLoop
from crosstalk.schedule.strategies.plain import Plain


async def task_program(seed: int) -> list[str]:
    """A generated program of tasks, locks, queues, timeouts and cancellations; returns what happened in order."""
    source = random.Random(seed)
    log: list[str] = []
    lock = asyncio.Lock()
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)

    async def worker(name: int, steps: list[int]) -> None:
        try:
            for step in steps:
                log.append(f"{name}:{step}")
                if step == 0:
                    await asyncio.sleep(0)
                elif step == 1:
                    async with lock:
                        await asyncio.sleep(0)
                elif step == 2:
                    try:
                        async with asyncio.timeout(0.01):
                            await queue.put(name)
                    except TimeoutError:
                        log.append(f"{name}:full")
                elif step == 3:
                    try:
                        log.append(f"{name}:got {await asyncio.wait_for(queue.get(), 0.03)}")
                    except TimeoutError:
                        log.append(f"{name}:empty")
                elif step == 4:
                    task = asyncio.ensure_future(worker(name + 10, [0, 0]))
                    await asyncio.sleep(0)
                    task.cancel()
                else:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(worker(name + 100, [0]))
        finally:
            log.append(f"{name}:end")

    await asyncio.gather(*(worker(n, [source.randrange(6) for _ in range(5)]) for n in range(4)))
    return log


@pytest.mark.parametrize("seed", range(25))
def test_plain_order_is_asyncio(seed):
    loop = VirtualLoop(Plain())
    task = loop.create_task(task_program(seed))
    loop.settle(60.0)
    loop.close()
    # on a busy machine asyncio's own short timeouts may fire early: it is given a few attempts
    assert any(task.result() == asyncio.run(task_program(seed)) for _ in range(6))


def test_time_is_virtual():
    loop = VirtualLoop(Plain())
    before = loop.time()
    loop.run_until_complete(asyncio.sleep(86_400))
    assert loop.time() == pytest.approx(before + 86_400)
    loop.close()


def test_livelock_is_recognised():
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    loop = VirtualLoop(Plain(), limit=500)
    task = loop.create_task(spin())
    with pytest.raises(NeverQuiet, match="500 loop iterations"):
        loop.settle(1.0)
    task.cancel()
    loop.limit = 10_000
    loop.settle(1.0)
    loop.close()


def test_deadlock_is_named():
    loop = VirtualLoop(Plain())
    with pytest.raises(RuntimeError, match="deadlock"):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_real_sockets_are_refused_in_one_sentence():
    async def dial() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    loop = VirtualLoop(Plain())
    with pytest.raises(RealSocketError, match="opened a real socket"):
        loop.run_until_complete(dial())
    loop.close()
