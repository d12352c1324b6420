"""The examination of one target: controls, exploration, confirmation, shrinking, verdict.

This is the one place that knows all rooms; the command and the plugin are thin shells around it.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crosstalk.checks import CHECKS
from crosstalk.controls.sabotage import SABOTAGE
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import History, Violation
from crosstalk.model.verdict import (
    CheckVerdict,
    Control,
    Explored,
    FoundViolation,
    Schedule,
    Verdict,
    judge,
    worst,
)
from crosstalk.reporting.timeline import timeline
from crosstalk.scenarios.program import Connect, Disconnect, Program, Publish, Stall, draw, golden_run
from crosstalk.scenarios.runner import play
from crosstalk.scenarios.shrink import shrink
from crosstalk.scenarios.token import Counterexample, write
from crosstalk.schedule.loop import Strategy
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.pos import POS
from crosstalk.schedule.strategies.random_walk import RandomWalk
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.targets.in_process import Adapter, NotABroadcaster
from crosstalk.targets.loader import TargetError, load

LENIENT = Guarantees()
KEY = b"crosstalk-in-run"
CONTROL_PROGRAM = Program(
    users=("alice", "bob", "carol"),
    devices=(0, 1, 2),
    tracks=(
        (
            *(Connect(device) for device in range(3)),
            *(Publish(user) for user in range(3)),
            *golden_run(2, 1),
            Disconnect(0),
            Connect(0),
            Stall(1),
            Publish(0),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Examination:
    """One target under examination. `factory` makes a fresh broadcaster, or an awaitable of one."""

    target: str
    factory: Callable[[], Any]
    adapter: Adapter
    guarantees: Guarantees = LENIENT

    def run(
        self, program: Program, strategy: Strategy, run_id: int = 1, sabotage: Any = None
    ) -> tuple[History, tuple[int, ...]]:
        return play(program, self.factory, self.adapter, strategy, key=KEY, run_id=run_id, sabotage=sabotage)


def open_target(
    target: str | Callable[[], Any],
    *,
    names: Mapping[str, str] | None = None,
    guarantees: Guarantees | None = None,
) -> Examination:
    """The examination of `target`: SPEC as for the command, or a class or factory (sync or async) itself.

    `names` maps connect, disconnect or publish to the broadcaster's own method names. Raises TargetError with one
    sentence.
    """
    spec = target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
    factory = load(target) if isinstance(target, str) else target
    try:
        sample = factory()
        if hasattr(sample, "__await__"):
            sample = asyncio.run(_await(sample))
        adapter = Adapter(sample, names or {})
        return Examination(spec, factory, adapter, guarantees or Guarantees())
    except NotABroadcaster as error:
        raise TargetError(f"{spec}: {error}") from error
    except Exception as error:
        raise TargetError(f"{spec} raised when a broadcaster was made: {type(error).__name__}: {error}") from error


async def _await(value: object) -> object:
    return await value  # type: ignore[misc]


def find(history: History, check: str, cause: str) -> Violation | None:
    """The first violation of `check` with `cause`."""
    return next((v for v in CHECKS[check](history).violations if v.cause == cause), None)


def controls(examination: Examination) -> tuple[Control, ...]:
    """Each check against its own sabotage, in plain order, on this target."""
    found = []
    blocked = False
    for name, sabotage in SABOTAGE.items():
        if blocked:
            found.append(Control(name, sabotage.__name__, False))
            continue
        history, _ = examination.run(CONTROL_PROGRAM, Plain(), sabotage=sabotage)
        blocked = any("kept the thread" in crash for crash in history.crashes)
        caught = bool(CHECKS[name](history).violations)
        found.append(Control(name, sabotage.__name__, caught))
    return tuple(found)


def examine(
    examination: Examination,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    schedules: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    family: str = "any",
    checks: Sequence[str] = tuple(CHECKS),
) -> Verdict:
    """Explore for `seconds` of wall time, or just `schedules` runs, and judge; deterministic but for the time limit.

    `family` says which programs are drawn (see FAMILIES), `checks` by which names they are judged.
    """
    source = random.Random(seed)
    mix: tuple[tuple[str, Strategy], ...] = (
        ("random walk", RandomWalk(source)),
        ("PCT-2", PCT(source, 2)),
        ("POS", POS(source)),
        ("PCT-3", PCT(source, 3)),
        ("random walk", RandomWalk(source)),
        ("plain", Plain()),
    )
    began = time.monotonic()
    known = tuple(c for c in controls(examination) if c.check in checks)
    opportunities = dict.fromkeys(CHECKS, 0)
    defects: dict[tuple[str, str], tuple[str, Program, tuple[int, ...], Violation]] = {}
    runs = decisions = deliveries = 0
    automatic = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        while schedules is None or runs < schedules:
            if runs and time.monotonic() - began > seconds * (0.8 if defects else 1.0):
                break
            name, strategy = mix[runs % len(mix)]
            program = draw(source, family)
            history, tape = examination.run(program, strategy, run_id=runs & 0xFFFF)
            runs += 1
            decisions += len(tape)
            deliveries += len(history.send_start)
            for check in checks:
                result = CHECKS[check](history)
                opportunities[check] += result.opportunities
                for violation in result.violations:
                    defects.setdefault((check, violation.cause), (name, program, tape, violation))
            if any("kept the thread" in crash for crash in history.crashes):
                break  # each further run would cost as long
            if runs % 64 == 0:
                gc.collect()
                if progress is not None:
                    progress(runs, len(defects))
        found: dict[str, list[FoundViolation]] = {name: [] for name in CHECKS}
        for (check, cause), (name, program, tape, _) in defects.items():
            if _confirmed(examination, check, cause, program, tape) is not None:
                latest = max(began + seconds, time.monotonic() + 0.5)
                found[check].append(violation_of(examination, check, cause, name, program, tape, latest))
    finally:
        gc.unfreeze()
        if automatic:
            gc.enable()
    caught = {control.check: control.caught for control in known}
    verdicts = []
    for check in checks:
        lost = any(c == check for c, _ in defects) and not found[check]
        outcome, reason = judge(
            opportunities[check],
            len(found[check]),
            caught.get(check),
            lost=lost,
            inapplicable="no publish returned a count" if check == "truthful_count" else "",
        )
        verdicts.append(CheckVerdict(check, outcome, opportunities[check], tuple(found[check]), reason))
    explored = Explored(runs, runs, decisions, deliveries, round(time.monotonic() - began, 3))
    overall = worst([c.verdict for c in verdicts])
    return Verdict(overall, examination.target, seed, tuple(verdicts), known, explored)


def _confirmed(
    examination: Examination, check: str, cause: str, program: Program, tape: tuple[int, ...]
) -> Violation | None:
    history, _ = examination.run(program, Replay(tape))
    return find(history, check, cause)


def violation_of(
    examination: Examination,
    check: str,
    cause: str,
    strategy: str,
    program: Program,
    tape: tuple[int, ...],
    latest: float = float("inf"),
) -> FoundViolation:
    """The minimal counterexample of a confirmed violation; shrinking stops at `latest` (monotonic seconds)."""

    def breaks(candidate: Program, choices: tuple[int, ...]) -> tuple[int, ...] | None:
        if time.monotonic() > latest:
            return None
        history, played = examination.run(candidate, Replay(choices))
        return played if find(history, check, cause) is not None else None

    program, tape = shrink(program, tape, breaks)
    history, _ = examination.run(program, Replay(tape))
    violation = find(history, check, cause)
    assert violation is not None
    token = write(Counterexample(examination.target, check, cause, strategy, program, tape))
    deviations = sum(choice != 0 for choice in tape)
    picture = timeline(history, violation)
    return FoundViolation(violation.message, violation.users, token, Schedule(strategy, deviations), picture, cause)
