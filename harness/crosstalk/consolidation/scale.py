"""How the cost of a delivery, and of a connection, goes with the number of users, and of one user's devices.

So many users connect, each is sent an event at the same time, all leave. The cost is counted, not timed: lines of
Python that run, the broadcaster's and those of the libraries it calls. Crosstalk's own are left out, though not what it
calls of asyncio, which is the same for each. A busy machine changes nothing in that. What a function written in C does
inside counts as nothing: a dict that is copied is one line however large it is. Processor time, Crosstalk's own work
included, stands beside it and decides nothing; where it grows much and the lines don't, a note says so.

The exponent is fitted over POINTS numbers of users, the largest eight times the smallest. A broadcaster that looks up
who is to be sent what has 0: each delivery costs the same. One that goes through everybody for each event approaches 1.
The cost of all together is superlinear when even the lower end is more than LEAST; log n has less. Each frame sent
counts as a delivery: that everybody is told who has come is nothing of the kind.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from types import CodeType, FrameType
from typing import Any

from crosstalk.consolidation.fit import POINTS, exponent
from crosstalk.consolidation.growth import OURS
from crosstalk.examination import Examination
from crosstalk.model.identity import identities
from crosstalk.model.soak import Curve
from crosstalk.scenarios.program import AnyStep, Census, Connect, Disconnect, Program, Publish, Wait
from crosstalk.scenarios.world import World
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.watchdog import unwatched

USERS = 1_024
DEVICES = 32
"""The largest numbers of users, and of devices of one user."""
ENOUGH = 64
"""So many users show something, where no more are let in."""
LEAST = {"users": 0.25, "devices": 0.5}
"""Exponents up to here are not flagged. Nobody has many devices: their list may be made anew when one leaves."""
MUCH = 0.3
"""An exponent of time that is worth a note."""
FEW = 4
"""So many users have many devices."""
APART = 60.0
"""Virtual seconds from one phase to the next."""
PHASES = ("connecting", "sending", "leaving")
_JUDGED = (f"{OURS}/reference/", f"{OURS}/demo/")
"""Of Crosstalk's own code, what is a broadcaster."""
_OWN = ("connecting", "leaving")


def curves(
    examination: Examination,
    *,
    users: int = USERS,
    devices: int = DEVICES,
    begins: Callable[[str], None] = lambda _: None,
) -> tuple[tuple[Curve, ...], tuple[str, ...]]:
    """The curves, and a note for each that can't be drawn; `begins` is told what is played next."""

    def measured(of: str, counts: tuple[int, ...], programs: list[Program], lines: bool) -> list[_Meter]:
        meters = []
        for count, program in zip(counts, programs, strict=True):
            begins(f"what {count:,} {of} cost")
            meters.append(_Meter(examination, program, lines).play())
        return meters

    found: list[Curve] = []
    notes: list[str] = []
    _Meter(examination, _crowd(2, 2), lines=True).play()  # what happens only once in a process has happened
    for of, most in (("users", users), ("devices", devices)):
        counts, programs = _crowds(of, most)
        counted = measured(of, counts, programs, lines=True)
        full = max(meter.there for meter in counted)
        if of == "users" and ENOUGH <= full < most:  # it lets in no more
            counts, programs = _crowds(of, full)
            counted = measured(of, counts, programs, lines=True)
        stopped = next((meter.stopped for meter in counted if meter.stopped), "")
        if stopped:
            notes.append(f"no curve over {of}: {stopped}")
            continue
        timed = measured(of, counts, programs, lines=False)
        drawn = [
            _curve("delivery", of, counts, ("sending",), counted, timed),
            _curve("connection", of, counts, _OWN, counted, timed),
        ]
        found += drawn
        notes += [note for curve in drawn if (note := slower(curve))]
    return tuple(found), tuple(notes)


def slower(curve: Curve) -> str:
    """A note on what takes longer and longer though no more lines run, else ""."""
    if curve.superlinear or exponent(curve.counts, [1e-9 + cost for cost in curve.seconds]).low <= MUCH:
        return ""
    few, many = (f"{curve.seconds[at] * 1e6:,.0f} us with {curve.counts[at]:,}" for at in (0, -1))
    return (
        f"a {curve.unit} takes longer the more {curve.of} there are ({few}, {many}), though hardly more lines run: "
        "C code may go through all of them, or what is sent may grow; no verdict rests on time"
    )


def _crowds(of: str, most: int) -> tuple[tuple[int, ...], list[Program]]:
    """POINTS numbers up to `most`, and a program with so many."""
    counts = tuple(round(most * 8 ** (point / (POINTS - 1) - 1)) for point in range(POINTS))
    return counts, [_crowd(count, 1) if of == "users" else _crowd(FEW, count) for count in counts]


def _crowd(users: int, each: int) -> Program:
    """Each of the users connects so many devices, is sent an event, and leaves; in between a mark."""
    devices = [user for user in range(users) for _ in range(each)]
    marks: tuple[AnyStep, ...] = (Census(), *(step for _ in PHASES for step in (Wait(APART), Census())))
    coming: list[tuple[AnyStep, ...]] = [
        (Connect(device), Wait(2 * APART), Disconnect(device)) for device in range(len(devices))
    ]
    sent: list[tuple[AnyStep, ...]] = [(Wait(APART), Publish(user)) for user in range(users)]
    return Program(identities("plain", users), tuple(devices), (marks, *coming, *sent))


def _curve(
    unit: str, of: str, counts: tuple[int, ...], phases: tuple[str, ...], counted: list[_Meter], timed: list[_Meter]
) -> Curve:
    lines = tuple(sum(sum(meter.lines[phase].values()) for phase in phases) / meter.units(phases) for meter in counted)
    seconds = tuple(sum(meter.seconds[phase] for phase in phases) / meter.units(phases) for meter in timed)
    fitted = exponent(counts, [1 + cost for cost in lines])
    if fitted.low <= LEAST[of]:
        return Curve(unit, of, counts, lines, seconds, fitted, False)
    few, many = counted[0], counted[-1]
    grown: defaultdict[tuple[CodeType, int], float] = defaultdict(float)
    for phase in phases:
        for place, times in many.lines[phase].items():
            grown[place] += times / many.units(phases) - few.lines[phase][place] / few.units(phases)
    sites = tuple(
        f"{code.co_filename.rpartition('/')[2]}:{line} in {code.co_qualname} ({more:+,.0f} times for each {unit})"
        for (code, line), more in sorted(grown.items(), key=lambda item: -item[1])[:3]
        if more > 0.1 * max(grown.values())
    )
    return Curve(unit, of, counts, lines, seconds, fitted, True, sites)


class _Meter:
    """One run, and what each of its phases cost: lines by place, or seconds of processor time; and frames sent.

    `stopped` says why it can't be measured; `there` is how many connections could be made.
    """

    def __init__(self, examination: Examination, program: Program, lines: bool) -> None:
        self.lines: dict[str, Counter[tuple[CodeType, int]]] = {phase: Counter() for phase in PHASES}
        self.seconds: dict[str, float] = {}
        self.frames: dict[str, int] = {}
        self.stopped = ""
        self.there = 0
        self._examination, self._program, self._traced = examination, program, lines
        self._marks = 0
        self._began = 0.0

    def units(self, phases: tuple[str, ...]) -> int:
        """Deliveries, or connections with what else was sent while they came and went."""
        return max(1, sum(self.frames[phase] for phase in phases) + (phases == _OWN) * len(self._program.devices))

    def play(self) -> _Meter:
        before, collecting = sys.gettrace(), gc.isenabled()
        gc.disable()  # what goes with the garbage of another run is no cost of this one
        try:
            with unwatched() if self._traced else nullcontext():  # counting takes far longer than what is counted
                history = self._examination.world(self._program, Plain(), sabotage=self._attach).history
        finally:
            sys.settrace(before)
            if collecting:
                gc.enable()
        if history.crashes and not self.stopped:
            self.stopped = history.crashes[0]
        if self._marks <= len(PHASES) and not self.stopped:
            self.stopped = "the run ended early"
        return self

    def _attach(self, world: World) -> None:
        sent_before = 0

        def mark() -> None:
            nonlocal sent_before
            sys.settrace(None)
            now, sent = time.thread_time(), len(world.history.send_start)
            if 0 < self._marks <= len(PHASES):
                phase = PHASES[self._marks - 1]
                self.seconds[phase], self.frames[phase] = now - self._began, sent - sent_before
                self._look(world, phase)
            self._marks += 1
            if self._marks <= len(PHASES):
                sent_before = sent
                if self._traced:
                    sys.settrace(_tracer(self.lines[PHASES[self._marks - 1]]))
                self._began = time.thread_time()

        world.do_census = mark  # type: ignore[method-assign]

    def _look(self, world: World, phase: str) -> None:
        """A curve needs that all who should have are there, and were sent something."""
        wanted, there = len(self._program.devices), len(world.open)
        self.there = max(self.there, there)
        if phase == "connecting" and there < wanted:
            self.stopped = f"of {wanted:,} connections {there:,} could be made"
        elif phase == "sending" and self.frames[phase] < wanted and not self.stopped:
            self.stopped = f"of {wanted:,} deliveries {self.frames[phase]:,} were made"
        elif phase == "leaving" and there and not self.stopped:
            self.stopped = f"{there:,} of {wanted:,} connections did not end"


def _tracer(lines: Counter[tuple[CodeType, int]]) -> Callable[[FrameType, str, Any], Any]:
    """Counts the lines that run, of all code but the harness's."""

    def called(frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        return None if name.startswith(OURS) and not name.startswith(_JUDGED) else local

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            lines[frame.f_code, frame.f_lineno] += 1
        return local

    return called
