"""What code asks of a loop: on the virtual one, in plain order, each piece gives the same as on asyncio's."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crosstalk.schedule.loop import RealSocketError, VirtualLoop
from crosstalk.schedule.strategies.plain import Plain

Log = list[Any]
PIECES: list[Callable[[Log], Awaitable[None]]] = []


def piece(function: Callable[[Log], Awaitable[None]]) -> Callable[[Log], Awaitable[None]]:
    PIECES.append(function)
    return function


@piece
async def nested_timeouts(log: Log) -> None:
    try:
        async with asyncio.timeout(0.2) as outer:
            try:
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(1)
            except TimeoutError:
                log.append("inner")
            outer.reschedule(asyncio.get_running_loop().time() + 0.01)
            await asyncio.sleep(1)
    except TimeoutError:
        log.append(("outer", outer.expired()))


@piece
async def a_group_cancels_the_others(log: Log) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("one")

    async def waits() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(fails())
    except* LookupError as errors:
        log.append([str(e) for e in errors.exceptions])


@piece
async def locks_and_their_kin(log: Log) -> None:
    condition, event, semaphore, barrier = (
        asyncio.Condition(),
        asyncio.Event(),
        asyncio.Semaphore(1),
        asyncio.Barrier(2),
    )

    async def waiter(name: str) -> None:
        async with condition:
            await condition.wait()
            log.append(name)
        await event.wait()
        async with semaphore:
            log.append(f"{name} in")
            await asyncio.sleep(0)
            log.append(f"{name} out")
        log.append((name, await barrier.wait() >= 0))

    tasks = [asyncio.create_task(waiter(name)) for name in "ab"]
    await asyncio.sleep(0)
    async with condition:
        condition.notify(1)
    await asyncio.sleep(0.001)
    async with condition:
        condition.notify_all()
    event.set()
    await asyncio.gather(*tasks)


@piece
async def waiting_for_several(log: Log) -> None:
    async def after(seconds: float, what: str) -> str:
        await asyncio.sleep(seconds)
        if what == "bad":
            raise ValueError(what)
        return what

    tasks = {asyncio.create_task(after(0.01, "a")), asyncio.create_task(after(0.03, "b"))}
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    log.append(([task.result() for task in done], len(left)))
    for task in left:
        task.cancel()
    results = await asyncio.gather(after(0.002, "x"), after(0.001, "bad"), return_exceptions=True)
    log.append([str(result) for result in results])
    log.append([await each for each in asyncio.as_completed([after(0.02, "late"), after(0.001, "soon")])])


@piece
async def shielding(log: Log) -> None:
    async def inner() -> None:
        await asyncio.sleep(0.005)
        log.append("inner ends")

    task = asyncio.create_task(inner())

    async def outer() -> None:
        await asyncio.shield(task)

    waiting = asyncio.create_task(outer())
    await asyncio.sleep(0)
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        log.append("outer cancelled")
    await task


@piece
async def cancelling_and_taking_it_back(log: Log) -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            log.append((task.cancelling(), task.uncancel()))
        await asyncio.sleep(0)
        return "still here"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    log.append(await task)


@piece
async def timers_in_their_order(log: Log) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    loop.call_at(now + 0.02, log.append, "second")
    loop.call_later(0.01, log.append, "first")
    never = loop.call_later(0.01, log.append, "never")
    loop.call_soon(log.append, "soon")
    never.cancel()
    log.append((never.cancelled(), never.when() > now))
    await asyncio.sleep(0.04)


@piece
async def contexts(log: Log) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    variable.set("outer")

    async def inner() -> None:
        log.append(variable.get())
        variable.set("inner")

    await asyncio.create_task(inner())
    await asyncio.create_task(inner(), context=contextvars.Context())
    asyncio.get_running_loop().call_soon(lambda: log.append(variable.get()))
    await asyncio.sleep(0)
    log.append(await asyncio.to_thread(variable.get))


@piece
async def generators_and_their_end(log: Log) -> None:
    async def numbers() -> Any:
        try:
            for number in range(5):
                yield number
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async for number in numbers():
        if number == 1:
            break
    await asyncio.sleep(0.01)
    kept = numbers()
    log.append(await anext(kept))
    await asyncio.get_running_loop().shutdown_asyncgens()


@piece
async def errors_nobody_awaits(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: log.append((context["message"], repr(context.get("exception")))))

    def broken() -> None:
        raise KeyError("callback")

    async def lost() -> None:
        raise KeyError("task")

    loop.call_soon(broken)
    task = loop.create_task(lost())
    await asyncio.sleep(0.001)
    del task
    await asyncio.sleep(0)
    log[:] = [(message.partition(" ")[0], error) for message, error in log]


@piece
async def work_in_a_thread(log: Log) -> None:
    loop = asyncio.get_running_loop()
    log.append(await loop.run_in_executor(None, int, "7"))
    try:
        await loop.run_in_executor(None, int, "x")
    except ValueError as error:
        log.append(str(error))


@piece
async def bounded_queues(log: Log) -> None:
    queue: asyncio.PriorityQueue[int] = asyncio.PriorityQueue(2)

    async def fill() -> None:
        for number in (3, 1, 2):
            await queue.put(number)
            log.append(f"put {number}")

    task = asyncio.create_task(fill())
    await asyncio.sleep(0)
    log.append(queue.full())
    for _ in range(3):
        log.append(await queue.get())
        queue.task_done()
    await queue.join()
    await task


@piece
async def the_flag_for_debugging(log: Log) -> None:
    loop = asyncio.get_running_loop()
    log.append(loop.get_debug())
    loop.set_debug(True)
    log.append(loop.get_debug())
    await asyncio.sleep(0.001)
    loop.set_debug(False)
    log.append(loop.get_debug())


if sys.version_info >= (3, 12):

    @piece
    async def eager_tasks(log: Log) -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)

        async def eager(name: str) -> str:
            log.append(f"{name} begins")
            await asyncio.sleep(0)
            return name

        async def at_once() -> int:
            return 1

        task = asyncio.create_task(eager("a"), name="the eager one")
        log.append((task.get_name(), asyncio.create_task(at_once()).done()))
        log.append(await task)


if sys.version_info >= (3, 13):

    @piece
    async def a_queue_is_shut_down(log: Log) -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        taking = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.shutdown()
        try:
            await taking
        except asyncio.QueueShutDown:
            log.append("shut down")


@pytest.mark.parametrize("function", PIECES, ids=lambda function: function.__name__)
def test_it_is_as_on_asyncio(function):
    there: Log = []
    here: Log = []
    asyncio.run(function(there))
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(Plain())) as runner:
        runner.run(function(here))
    assert here == there
    assert there


def test_after_its_end_the_loop_takes_nothing_more():
    loop = VirtualLoop(Plain())
    loop.close()
    for ask in (lambda: loop.call_soon(print), lambda: loop.call_later(1, print), lambda: loop.run_forever()):
        with pytest.raises(RuntimeError, match="closed"):
            ask()


def test_names_of_hosts_are_not_looked_up():
    async def look_up() -> None:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(Plain())) as runner, pytest.raises(RealSocketError):
        runner.run(look_up())
