# mypy: disable-error-code="override, assignment, attr-defined"
# asyncio's private parts and its widest signatures are narrowed here on purpose; typeshed lists neither.
"""VirtualLoop: asyncio's own semantics, with the outside world and the clock in the schedule's hands.

An ordinary event loop learns from its selector what the outside world has answered. This loop has no selector: every
point where code under test meets the outside world is a *gate*, and a *strategy* chooses which gates are answered when.

Two rules keep every run one that production can produce:

1. One iteration runs the handles that were ready when it began, first in first out, as asyncio does; then the gates
   chosen for this iteration; then due timers. Whatever those make ready waits for the next iteration.
2. The clock moves only between iterations, and only to the next timer.

Choices, when n gates are open (n gates, oldest first):

    0        every open gate, oldest first: what plain asyncio does with a world that answers at once
    1 .. n   only that gate
    n + 1    none now (asked only when handles are ready or a timer is due later; then the clock may jump)
"""

from __future__ import annotations

import asyncio
import heapq
import sys
import threading
import weakref
from asyncio import events
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from itertools import repeat
from typing import Any, Protocol

TICKS = 2_000
HOLD = 300
"""Moves of the clock in a row that open gates are held back for: nothing new comes of more of the same."""
UNSEEN = -1.0
NO_HORIZON = float("inf")


class Gate:
    """One answer the outside world owes: `complete` gives it. `lane` names whose it is (a socket or track).

    `priority` is a strategy's own, UNSEEN while the gate is not open or no strategy has looked at it yet.
    """

    __slots__ = ("callback", "kind", "lane", "opened", "priority")

    def __init__(self, lane: int, kind: str, callback: Callable[[], None]) -> None:
        self.lane = lane
        self.kind = kind
        self.callback = callback
        self.opened = 0.0
        self.priority = UNSEEN

    def complete(self) -> None:
        self.callback()


class Gates(list[Gate]):
    """The open gates, oldest first. `kept` is what a strategy knows of them: like them, it is gone when the run is."""

    __slots__ = ("kept",)

    kept: Any

    def __init__(self, gates: Iterable[Gate] = ()) -> None:
        super().__init__(gates)
        self.kept = None


class Strategy(Protocol):
    """How a schedule is chosen: `begin` once a run, `choose` once an iteration with open gates."""

    def begin(self) -> None: ...

    def choose(self, gates: Gates, can_hold: bool) -> int:
        """Return 0 (all), 1..len(gates) (that one) or, if `can_hold`, len(gates) + 1 (none)."""
        ...


class NeverQuiet(Exception):
    """The code under test kept itself busy beyond the iteration limit."""


class RealSocketError(RuntimeError):
    """Code on the virtual loop asked for a real socket, pipe, signal or process."""


_Handle = events.Handle
_new = _Handle.__new__


class VirtualLoop(asyncio.BaseEventLoop):
    """A fresh loop per run. `tape` holds the choices made; times are seconds of virtual time from `start`.

    `from_threads` counts, for all loops of the process, the calls that came from another thread than the loop's.
    """

    from_threads = 0
    _task_factory: Callable[..., asyncio.Task[Any]] | None

    # asyncio's own attributes stay few enough for a quick dict
    __slots__ = (
        "_before",
        "_depth",
        "_hooks",
        "_timers",
        "_weak_tasks",
        "delays",
        "gates",
        "horizon",
        "iterations",
        "jumps",
        "limit",
        "now",
        "on_jump",
        "on_time",
        "stopped_from_within",
        "strategy",
        "tape",
        "unhandled",
    )

    def __init__(self, strategy: Strategy, start: float = 1_000.0, limit: int = 50_000) -> None:
        super().__init__()
        self._ready: deque[Any] = deque()
        self._scheduled: list[tuple[float, int, Any]] = []
        self._timers = 0
        self.strategy = strategy
        self.now = start
        self.horizon = NO_HORIZON
        self._depth = 0
        self.gates = Gates()
        self.tape: list[int] = []
        self.iterations = 0
        self.jumps = 0
        self.limit = limit
        self.unhandled: list[dict[str, Any]] = []
        self._weak_tasks: list[weakref.ref[asyncio.Task[Any]]] = []
        self.on_jump: Callable[[float], None] | None = None
        self.on_time: Callable[[float], None] | None = None
        self.delays: set[float] = set()
        self.stopped_from_within = False

    def pulse(self) -> tuple[int, int]:
        """Another one after each iteration."""
        return self.jumps, self.iterations

    def set_debug(self, enabled: bool) -> None:
        """As asyncio's. Every task and future asks for this flag: the answer is a method of the flag itself."""
        super().set_debug(enabled)
        self.get_debug = bool(enabled).__bool__

    # -- what asyncio asks of a loop -------------------------------------------------------------------------

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        # asyncio's handle, made in place and without asking for the debug flag
        handle = _new(_Handle)
        handle._context = context if context is not None else copy_context()
        handle._loop = self
        handle._callback = callback
        handle._args = args
        handle._cancelled = False
        handle._repr = None
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread_id:
            # a thread of the code under test: it goes on at its own pace, which no schedule sees or repeats
            VirtualLoop.from_threads += 1
            if self._closed:
                return events.Handle(callback, args, self, context)
        return self.call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        timer = events.TimerHandle(when, callback, args, self, context)
        if len(self.delays) < 64:
            self.delays.add(round(when - self.now, 6))
        # equal deadlines fire in the order they were set, as they do where the clock ticks between any two
        self._timers += 1
        heapq.heappush(self._scheduled, (when, self._timers, timer))
        timer._scheduled = True
        return timer

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Cancelled timers are dropped when they come to the head of the heap."""

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        factory = self._task_factory
        task: asyncio.Task[Any]
        if factory is None:
            task = asyncio.Task(coro, loop=self, **options)
        else:
            name = options.pop("name", None)
            task = factory(self, coro, **options)
            if name is not None:
                task.set_name(name)
        self._weak_tasks.append(weakref.ref(task))
        return task

    @property
    def unfinished(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, oldest first. Nobody is kept alive: what asyncio would lose is lost here too."""
        tasks = [task for each in self._weak_tasks if (task := each()) is not None and not task.done()]
        self._weak_tasks = [weakref.ref(task) for task in tasks]
        return tasks

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep it, rather than log it, and tell the handler that the code under test has set, if any."""
        self.unhandled.append(context)
        if self.get_exception_handler() is not None:
            super().call_exception_handler(context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """A thread's work is one more gate: it runs inline when the schedule lets it finish."""
        future = self.create_future()

        def finish() -> None:
            if future.done():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:
                future.set_exception(error)

        self.open(Gate(-1, "thread", finish))
        return future

    def _refuse(self, *args: Any, **options: Any) -> Any:
        raise RealSocketError(
            "the broadcaster opened a real socket, pipe, signal or process; "
            "in-process runs have no network: inject that dependency, or test the whole server live"
        )

    # asyncio's own stubs raise NotImplementedError with no message; one sentence serves better.
    create_connection = create_server = create_datagram_endpoint = create_unix_connection = _refuse
    create_unix_server = subprocess_exec = subprocess_shell = connect_read_pipe = connect_write_pipe = _refuse
    add_reader = add_writer = remove_reader = remove_writer = add_signal_handler = _refuse
    sock_recv = sock_recv_into = sock_recvfrom = sock_recvfrom_into = sock_sendall = sock_sendto = _refuse
    sock_connect = sock_accept = sock_sendfile = sendfile = start_tls = connect_accepted_socket = _refuse
    getaddrinfo = getnameinfo = remove_signal_handler = _refuse

    def stop(self) -> None:
        """As asyncio's; a stop during `settle` does not end the run, and is remembered."""
        super().stop()
        self.stopped_from_within = True

    def _write_to_self(self) -> None:
        """No selector to wake."""

    def _process_events(self, event_list: Any) -> None:
        """No selector to read."""

    # -- gates -----------------------------------------------------------------------------------------------

    def open(self, gate: Gate) -> None:
        gate.opened = self.now
        gate.priority = UNSEEN
        self.gates.append(gate)

    def withdraw(self, gate: Gate) -> None:
        """Take back a gate nobody waits for any more (its waiter was cancelled, its socket stalled)."""
        if gate in self.gates:
            self.gates.remove(gate)
            gate.priority = UNSEEN

    # -- the iteration ---------------------------------------------------------------------------------------

    def _run_once(self) -> None:
        self._iterate(1, self.jumps + 1)

    def _iterate(self, most: int, enough: int) -> None:
        """At most so many iterations; until quiet, or until `jumps` reaches `enough` with no gate open, nothing ready.

        All in one piece, since this is where a run spends its time.
        """
        ready, scheduled, gates = self._ready, self._scheduled, self.gates
        popleft, choose, keep = ready.popleft, self.strategy.choose, self.tape.append
        patience = HOLD
        for _ in repeat(None, most):
            if not gates and not ready:
                if self.jumps >= enough:
                    return
                when = self._next_timer()
                if when is None or when > self.horizon:
                    return
            self.iterations = number = self.iterations + 1
            if number > self.limit:
                raise NeverQuiet(f"still busy after {self.limit} loop iterations in which time stood still")
            for _ in range(len(ready)):
                handle = popleft()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        message = f"Exception in callback {handle._callback!r}"
                        self.call_exception_handler({"message": message, "exception": error, "handle": handle})
            handle = None  # what it holds may go now, as on asyncio's loop
            held = False
            if gates:
                can_hold = bool(ready)
                if not can_hold and scheduled and patience and self.jumps < enough:
                    timer = self._next_timer()
                    can_hold = timer is not None and timer <= self.horizon
                count = len(gates)
                choice = 0
                if count > 1 or can_hold:
                    choice = choose(gates, can_hold)
                    keep(choice)
                if choice > count:
                    held = True
                    patience -= not ready
                else:
                    patience = HOLD
                    if choice:
                        gate = gates.pop(choice - 1)
                        gate.priority = UNSEEN
                        gate.complete()
                    else:
                        answered = gates[:]
                        gates.clear()
                        for gate in answered:
                            gate.priority = UNSEEN
                            gate.complete()
            if scheduled:
                if not ready and (held or not gates) and self.jumps < enough:
                    self._jump()
                while scheduled and scheduled[0][0] <= self.now:
                    due = heapq.heappop(scheduled)[2]
                    due._scheduled = False
                    if not due._cancelled:
                        ready.append(due)

    def _next_timer(self) -> float | None:
        scheduled = self._scheduled
        while scheduled and scheduled[0][2]._cancelled:
            heapq.heappop(scheduled)[2]._scheduled = False
        return scheduled[0][0] if scheduled else None

    def _jump(self) -> None:
        when = self._next_timer()
        if when is not None and when > self.now and when <= self.horizon:
            if self.on_jump is not None:
                self.on_jump(when)
            self._move(when)

    def _move(self, when: float) -> None:
        self.now = when
        self.jumps += 1
        self.iterations = 0
        if self.on_time is not None:
            self.on_time(when)

    # -- driving ---------------------------------------------------------------------------------------------

    def settle(self, seconds: float) -> None:
        """Run until quiet: nothing ready, no gate open, and no timer due within `seconds` from now.

        After TICKS moves of the clock, timers that fire over and over count as quiet.

        Raises NeverQuiet when the iteration limit is passed.
        """
        self.horizon = self.now + seconds
        enough = self.jumps + TICKS
        try:
            with self:
                self._iterate(sys.maxsize, enough)
        finally:
            self.horizon = NO_HORIZON

    def turn(self, count: int = 1) -> None:
        """Run `count` iterations, whatever is ready; the clock stays."""
        self.horizon = self.now
        try:
            with self:
                self._iterate(count, self.jumps + count)
        finally:
            self.horizon = NO_HORIZON

    def sleep(self, seconds: float) -> None:
        """Run until quiet, timers due within `seconds` included, and move the clock on by `seconds`."""
        until = self.now + seconds
        self.settle(seconds)
        self._move(until)
        self.settle(0.0)

    def __enter__(self) -> None:
        """Within the block this is the running loop, also between what `settle`, `turn` and `sleep` run."""
        self._depth += 1
        if self._depth > 1:
            return
        self._before = events._get_running_loop()
        self._hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
        events._set_running_loop(self)
        self._thread_id = threading.get_ident()

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        self._thread_id = None
        events._set_running_loop(self._before)
        sys.set_asyncgen_hooks(*self._hooks)

    def run_forever(self) -> None:
        self._check_closed()
        self._stopping = False
        try:
            with self:
                while not self._stopping:
                    if not self._ready and not self.gates and self._next_timer() is None:
                        raise RuntimeError("deadlock: nothing is ready, no gate is open and no timer is set")
                    self._run_once()
        finally:
            self._stopping = False
