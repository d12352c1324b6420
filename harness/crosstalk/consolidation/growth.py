"""A soak in virtual time: thousands of users come, are sent something and leave; what stays behind for each?

Three programs, each with a census at evenly spaced points: users who leave in good order, users whose peers vanish, and
one user who stays while events pass. A day of virtual time lies before each census, so that what expires has expired.
Growth is the slope of bytes, objects and tasks reachable from the broadcaster, fitted by least squares over the second
half of the run, where a cache of up to half as many entries is full, with its 99 % interval. It is a finding when even
the lower end is more than LEAST bytes, or half an object, task or connection of a departed user, for each. Whether such
a connection is still there a weak reference tells, whatever holds it.

The culprit is named in two ways: by the containers reachable from the broadcaster or its module that grew with it, by
the path of attributes that leads to them; and by the line of code that allocated what stayed (tracemalloc, in a second
and smaller run, since tracing is slow).
"""

from __future__ import annotations

import sys
import tracemalloc
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import msgspec

from crosstalk.consolidation.fit import POINTS, slope
from crosstalk.examination import Examination
from crosstalk.model.history import History
from crosstalk.model.soak import Growth
from crosstalk.scenarios.program import Program, departures, passing_events
from crosstalk.scenarios.socket import Socket
from crosstalk.scenarios.world import World
from crosstalk.schedule.strategies.plain import Plain

LEAST = 50.0
"""Bytes for each departed user, or event, below which nothing is accused: counters and caches of small things."""
_CENSUSES = 2 * POINTS
FEWEST = 20 * _CENSUSES
"""So many users show something."""
OURS = str(Path(__file__).parents[1])
_CONTAINERS = (dict, list, set, frozenset, deque)
_NOT_INTO = (type, str, bytes, int, float, ModuleType, FunctionType)
_HARNESS = ("crosstalk.scenarios", "crosstalk.schedule", "crosstalk.model")


def _vanished(counts: tuple[int, ...]) -> Program:
    return departures(counts, gone=True)


PROGRAMS: tuple[tuple[str, Callable[[tuple[int, ...]], Program]], ...] = (
    ("departed user", departures),
    ("vanished user", _vanished),
    ("event", passing_events),
)


def growths(
    examination: Examination, users: int, begins: Callable[[str], None] = lambda _: None
) -> tuple[tuple[Growth, ...], tuple[str, ...]]:
    """What so many users, and events, leave behind; and a note for each program that could not be played.

    Raises ValueError for fewer than FEWEST.
    """
    if users < FEWEST:
        raise ValueError(f"a soak of {users} users shows nothing: give at least {FEWEST}")
    found, notes = [], []
    for unit, programs in PROGRAMS:
        begins(f"what stays behind for each {unit}")
        watch = _Watch(users)
        history = examination.world(programs(_points(users)), Plain(), sabotage=watch.attach).history
        if history.crashes or len(history.census) < _CENSUSES:
            notes.append(f"not soaked with each {unit}: {(history.crashes or ['the run ended early'])[0]}")
            continue
        found.append(_grown(examination, unit, programs, history, watch))
    return tuple(found), tuple(notes)


def _points(most: int) -> tuple[int, ...]:
    return tuple(most * (number + 1) // _CENSUSES for number in range(_CENSUSES))


def _grown(
    examination: Examination,
    unit: str,
    programs: Callable[[tuple[int, ...]], Program],
    history: History,
    watch: _Watch,
) -> Growth:
    half = history.census[POINTS:]
    units = [float(count.events if unit == "event" else count.departed) for count in half]
    bytes_ = slope(units, [count.bytes for count in half])
    objects = slope(units, [count.objects for count in half])
    tasks = slope(units, [float(count) for count in watch.tasks[POINTS:]])
    connections = slope(units, [float(count) for count in watch.connections[POINTS:]])
    grows = bytes_.low > LEAST or any(kept.low > 0.5 for kept in (objects, tasks, connections))
    grown = Growth(unit, int(units[-1]), bytes_, objects, tasks, connections, grows)
    if not grows:
        return grown
    traced = _Watch(0, trace=True)
    examination.world(programs((200, 400, 800)), Plain(), sabotage=traced.attach)
    return msgspec.structs.replace(grown, containers=watch.containers, sites=traced.sites)


class _Watch:
    """Looks at a run's broadcaster at each census."""

    def __init__(self, users: int, trace: bool = False) -> None:
        self.users = users
        self.trace = trace
        self.tasks: list[int] = []
        self.connections: list[int] = []
        self.containers: tuple[str, ...] = ()
        self.sites: tuple[str, ...] = ()
        self._before: tracemalloc.Snapshot | None = None

    def attach(self, world: World) -> None:
        census, connect = world.do_census, world.connect
        number = 0
        sockets: list[weakref.ref[Socket]] = []  # the harness holds those only that are open

        def looked() -> None:
            nonlocal number
            world.forget_departed()
            census()
            number += 1
            self.tasks.append(len(world.loop.unfinished))
            self.connections.append(sum(socket() is not None for socket in sockets) - len(world.open))
            if self.trace:
                self._traced(number)
            elif number == _CENSUSES:
                self.containers = containers(world.broadcaster, self.users // 2)

        def connected(user: str, given: dict[str, Any]) -> Any:
            sockets.append(weakref.ref(given["socket"]))
            return connect(user, given)

        world.connect = connected
        world.do_census = looked  # type: ignore[method-assign]

    def _traced(self, number: int) -> None:
        if number == 1:
            tracemalloc.start(1)
        elif number == 2:
            self._before = tracemalloc.take_snapshot()
        else:
            after = tracemalloc.take_snapshot()
            tracemalloc.stop()
            assert self._before is not None
            changes = after.compare_to(self._before, "lineno")
            found = [
                f"{change.traceback[0].filename.rpartition('/')[2]}:{change.traceback[0].lineno}"
                f" ({change.size_diff / 400:.0f} bytes each)"
                for change in changes
                if change.size_diff > 400 * 16 and _theirs(change.traceback[0].filename)
            ]
            self.sites = tuple(found[:3])


def _theirs(name: str) -> bool:
    return not name.startswith((OURS, sys.base_prefix, "<")) and "site-packages" not in name


def containers(broadcaster: Any, least: int) -> tuple[str, ...]:
    """Containers of at least `least` entries that the broadcaster or its module holds, by the path that leads there."""
    start = type(broadcaster).__name__
    todo: deque[tuple[str, Any, int]] = deque([(start, broadcaster, 0)])
    module = sys.modules.get(type(broadcaster).__module__)
    if module is not None:
        todo += [(f"{module.__name__}.{name}", value, 0) for name, value in vars(module).items() if name[:2] != "__"]
    todo += [(f"{start}.{name}", value, 0) for name, value in vars(type(broadcaster)).items() if name[:2] != "__"]
    seen: set[int] = set()
    found: list[str] = []
    while todo and len(seen) < 200_000:
        path, item, depth = todo.popleft()
        if id(item) in seen or depth > 6 or isinstance(item, _NOT_INTO) or type(item).__module__.startswith(_HARNESS):
            continue
        seen.add(id(item))
        if isinstance(item, _CONTAINERS):
            if len(item) >= least:
                kept = next(iter(item.values())) if isinstance(item, dict) else next(iter(item))
                found.append(f"{path}: a {type(item).__name__} of {len(item):,} ({type(kept).__name__})")
                continue
            values = list(item.items()) if isinstance(item, dict) else list(enumerate(item))
            todo += [(f"{path}[...]", value, depth + 1) for _, value in values[:200]]
        else:
            names = getattr(item, "__dict__", None)
            held = dict(names) if isinstance(names, dict) else {}
            slots = [slot for kind in type(item).__mro__ for slot in getattr(kind, "__slots__", ())]
            held |= {slot: getattr(item, slot) for slot in slots if isinstance(slot, str) and hasattr(item, slot)}
            todo += [(f"{path}.{name}", value, depth + 1) for name, value in held.items()]
    return tuple(found[:5])
