"""Work that frameworks give to threads, run inline on the loop's own thread, one schedule gate each.

`loop.run_in_executor` (with it `asyncio.to_thread`, Quart's `run_sync` and asgiref's `sync_to_async`, Django's way) and
anyio's `to_thread` (Starlette's threadpool, FastAPI's synchronous dependencies, Litestar's handlers) all end here. Such
work may ask back for the loop: asgiref's `async_to_sync`, anyio's `from_thread`, `asyncio.run_coroutine_threadsafe`. A
thread would wait there; here the work runs in a greenlet of its own, which steps aside until the loop has the answer.

As in a thread of a pool, no event loop is running as far as the work can see. What an executor of one thread is given
runs one after another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import importlib
import sys
from asyncio import events
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

import greenlet

from crosstalk.schedule.loop import VirtualLoop
from crosstalk.targets.asgi.turn import turn

T = TypeVar("T")
P = ParamSpec("P")


class _Worker(greenlet.greenlet):
    """Stands for the thread that the work believes to be in."""


def _in_worker() -> bool:
    return isinstance(greenlet.getcurrent(), _Worker)


def wait_for(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Called by inline work: have the loop run the coroutine that `make` makes, and return or raise what it does."""
    worker = greenlet.getcurrent()
    parent = worker.parent
    assert parent is not None
    result: T = parent.switch((make, contextvars.copy_context()))
    return result


async def inline(function: Callable[[], T], turns: asyncio.Lock | None = None) -> T:
    """Run `function` as a thread would, when the schedule lets it and `turns` is free; in a copy of the context."""
    await turn("thread")
    async with turns or contextlib.nullcontext():
        return await _steps(function)


async def _steps(function: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    worker = _Worker(function)
    worker.gr_context = contextvars.copy_context()
    step: Callable[[], Any] = worker.switch
    while True:
        events._set_running_loop(None)
        try:
            asked = step()
        finally:
            events._set_running_loop(loop)
        if worker.dead:
            result: T = asked
            return result
        make, context = asked
        try:
            answer = await loop.create_task(make(), context=context)
        except BaseException as error:
            step = functools.partial(worker.throw, error)
        else:
            step = functools.partial(worker.switch, answer)


class _Promise(concurrent.futures.Future[Any]):
    """What `run_coroutine_threadsafe` gives inline work: asking for the result lets the loop go on."""

    def result(self, timeout: float | None = None) -> Any:
        if not self.done() and _in_worker():
            wait_for(self._over)
        return super().result(timeout)

    async def _over(self) -> None:
        await asyncio.wait([asyncio.wrap_future(self)])


@contextlib.contextmanager
def threads_inline() -> Iterator[None]:
    """While the block runs, work for threads is run inline, on virtual loops."""
    turns: dict[Any, asyncio.Lock] = {}

    def run_in_executor(loop: VirtualLoop, executor: Any, function: Callable[..., Any], *args: Any) -> Any:
        lock = None
        if getattr(executor, "_max_workers", 0) == 1:
            lock = turns.setdefault(executor, asyncio.Lock())
        return loop.create_task(inline(functools.partial(function, *args), lock))

    with contextlib.ExitStack() as undo:

        def replace(owner: Any, name: str, new: Any) -> None:
            undo.callback(setattr, owner, name, vars(owner)[name])
            setattr(owner, name, new)

        replace(VirtualLoop, "run_in_executor", run_in_executor)
        replace(asyncio, "run_coroutine_threadsafe", _threadsafe(asyncio.run_coroutine_threadsafe))
        asgiref = _loaded("asgiref", "asgiref.sync")
        if asgiref is not None:
            replace(asgiref.AsyncToSync, "__call__", _async_to_sync(asgiref.AsyncToSync.__call__))
            replace(asgiref, "ThreadPoolExecutor", _Unused)
            _restored(undo, vars(asgiref.SyncToAsync.threadlocal))
        anyio = _loaded("anyio", "anyio._backends._asyncio")
        if anyio is not None:
            replace(anyio.AsyncIOBackend, "run_sync_in_worker_thread", classmethod(_to_thread(anyio)))
            replace(anyio.AsyncIOBackend, "run_sync_from_thread", classmethod(_from_thread))
            _restored(undo, vars(anyio.threadlocals))
        yield


def _loaded(library: str, module: str) -> Any:
    """The library's module, if the library is in use: it may load that module only when first needed."""
    return importlib.import_module(module) if library in sys.modules else None


def _restored(undo: contextlib.ExitStack, names: dict[str, Any]) -> None:
    """When all is undone, the thread's own variables are what they were."""
    undo.callback(names.update, dict(names))
    undo.callback(names.clear)


def _threadsafe(before: Callable[..., Any]) -> Callable[..., Any]:
    def run_coroutine_threadsafe(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Any:
        if not _in_worker():
            return before(coroutine, loop)
        promise = _Promise()

        def ended(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                promise.cancel()
            elif (error := task.exception()) is not None:
                promise.set_exception(error)
            else:
                promise.set_result(task.result())

        loop.create_task(coroutine).add_done_callback(ended)
        return promise

    return run_coroutine_threadsafe


def _async_to_sync(before: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **keywords: Any) -> Any:
        if not _in_worker() or self.force_new_loop:
            return before(self, *args, **keywords)

        async def make() -> Any:
            self.executors.current = _SameThread()  # nested sync_to_async goes on in the thread that waits for this
            return await self.awaitable(*args, **keywords)

        return wait_for(make)

    return call


class _Unused(concurrent.futures.ThreadPoolExecutor):
    """The executor of one of asgiref's contexts: given no work, so that nobody starts a thread to wait for its end."""

    def __bool__(self) -> bool:
        return False


class _SameThread:
    """As executor: the very thread that waits."""


def _to_thread(anyio: Any) -> Callable[..., Any]:
    async def run_sync_in_worker_thread(
        backend: Any,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Any:
        await backend.checkpoint()
        known = anyio.threadlocals  # what a worker thread of anyio finds: whose it is
        known.loop = asyncio.get_running_loop()
        known.current_async_backend = backend
        known.current_cancel_scope = None
        known.current_token = _token(backend, known.loop)
        async with limiter or contextlib.nullcontext():
            return await inline(functools.partial(function, *args))

    return run_sync_in_worker_thread


def _token(backend: Any, loop: Any) -> Any:
    kind = getattr(sys.modules.get("anyio.lowlevel"), "EventLoopToken", None)
    return loop if kind is None else kind(backend, loop)


def _from_thread(backend: Any, function: Callable[..., Any], args: tuple[Any, ...], token: Any) -> Any:
    async def make() -> Any:
        return function(*args)

    return wait_for(make)
