"""The examination of one target: calibration, controls, exploration, confirmation, shrinking, verdict.

This is the one place that knows all rooms; the command and the plugin are thin shells around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec

from crosstalk.checks import CHECKS, Result, check_all
from crosstalk.checks.cleanup import rises_and_falls
from crosstalk.checks.owed import owed
from crosstalk.controls.sabotage import SABOTAGE, hoard
from crosstalk.exhibit import exhibit, witnessed
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import ACCEPTED, FAILED, NEVER, History, Violation
from crosstalk.model.verdict import (
    NO_OPPORTUNITY,
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
from crosstalk.scenarios.program import (
    GENOME,
    WAITS,
    Connect,
    Disconnect,
    Program,
    Publish,
    Stall,
    Words,
    decode,
    departures,
    draw,
    golden_run,
    passing_events,
)
from crosstalk.scenarios.runner import many_runs, run_world
from crosstalk.scenarios.shrink import Enough, shrink
from crosstalk.scenarios.token import Counterexample, write
from crosstalk.scenarios.track import SETTLE
from crosstalk.scenarios.world import World
from crosstalk.schedule.loop import Strategy, VirtualLoop
from crosstalk.schedule.strategies.feedback import Feedback
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.pos import POS
from crosstalk.schedule.strategies.random_walk import RandomWalk
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.settings import REACHING
from crosstalk.targets.in_process import Adapter
from crosstalk.targets.loader import StartAgain, TargetError, load, looks_like_asgi, reloaded
from crosstalk.targets.loader import digest as loader_digest
from crosstalk.targets.plan import WRAP, NotABroadcaster

LENIENT = Guarantees()
KEY = b"crosstalk-in-run"
RUN_IDS = 61
"""So many run ids take turns: an event of a run before is told from this run's, and tokens need not all be new."""
COUNTS = (16, 32, 64)
MORE_COUNTS = (100, 400, 1_600)
"""Where a broadcaster's own memory rises and falls (a database's driver tidies up now and then), few show nothing."""
AT_MOST = 60.0
"""Where so many would take longer, in seconds, they are not taken; mostly it is one."""
MANY = 6_400
"""Departures (and events) at which a census is taken: first few; when those grew, up to MANY, for a cache fills up."""
POINTS = 40
Programs = Callable[[tuple[int, ...]], Program]
"""The program in which a census is taken at each of these counts."""
ONE_MESSAGE: Words = (("message",),)
"""A run as its user asks for it, where the application makes its events itself."""


def control_program(guarantees: Guarantees = LENIENT, words: Words = ()) -> Program:
    """What the controls play: connections, publishes, a whole agent run, a reconnect and a stall."""
    return Program(
        users=("alice", "bob", "carol"),
        devices=(0, 1, 2, 2),
        tracks=(
            (
                *(Connect(device) for device in range(4)),
                *(Publish(user) for user in range(3)),
                *golden_run(2, 1, (words or guarantees.grammar.words())[-1]),
                Disconnect(0),
                Connect(0),
                Stall(1),
                Publish(0),
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Examination:
    """One target under examination. `factory` makes a fresh broadcaster, or an awaitable of one.

    `fresh`, where the target can be loaded again, gives a factory from a freshly loaded module. `around` surrounds each
    run; `exempt` says which checks can't be judged on this target, and why; `remarks` are of the target's own. `unread`
    says why no check of what is delivered can be trusted, in either direction. `blocked` says that what the controls
    play has kept the thread before.
    """

    target: str
    factory: Callable[[], Any]
    adapter: Adapter
    guarantees: Guarantees = LENIENT
    fresh: Callable[[], Callable[[], Any]] | None = None
    names: dict[str, str] = field(default_factory=dict)
    declared: Guarantees = LENIENT
    delays: set[float] = field(default_factory=set)
    workers: Mapping[str, int] = field(default_factory=dict)
    patience: float = 0.0
    settling: float = SETTLE
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    exempt: Mapping[str, str] = field(default_factory=dict)
    remarks: Callable[[], tuple[str, ...]] = tuple
    unread: str = ""
    blocked: bool = False

    @property
    def words(self) -> Words:
        """What is published for a run, by event types."""
        return ONE_MESSAGE if self.adapter.answers else self.guarantees.grammar.words()

    def controls(self) -> Program:
        """The program that the controls play on this target."""
        return control_program(self.guarantees, self.words)

    def play(self, program: Program, schedule: Strategy | Sequence[int] = ()) -> History:
        """Play `program` once under a strategy, or a tape of choices (the empty one is plain order); the history."""
        strategy = Replay(tuple(schedule)) if isinstance(schedule, Sequence) else schedule
        return self.run(program, strategy)[0]

    def run(
        self, program: Program, strategy: Strategy, run_id: int = 1, sabotage: Any = None
    ) -> tuple[History, tuple[int, ...]]:
        """Play `program` once under `strategy`; the history, and the tape that replays it exactly."""
        world = self.world(program, strategy, run_id, sabotage)
        return world.history, tuple(world.loop.tape)

    def world(self, program: Program, strategy: Strategy, run_id: int = 1, sabotage: Any = None) -> World:
        """As `run`, and hands back the whole world of the run."""
        try:
            world = self._played(program, strategy, run_id, sabotage)
        except StartAgain:
            world = self._played(program, strategy, run_id, sabotage)
        world.history.workers = self.workers
        if world.loop.delays:
            self.delays.update(world.loop.delays)
        return world

    def _played(self, program: Program, strategy: Strategy, run_id: int, sabotage: Any) -> World:
        names = self.adapter.names(program.users)
        if names != program.users:
            program = msgspec.structs.replace(program, users=names)
        with self.around():
            return run_world(
                program,
                self.factory,
                self.adapter,
                strategy,
                key=KEY,
                run_id=run_id,
                sabotage=sabotage,
                guarantees=self.guarantees,
                patience=self.patience,
                settling=self.settling,
            )


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
    if isinstance(target, str) and target.startswith("asgi:"):
        try:
            from crosstalk.asgi import open_asgi
        except ModuleNotFoundError as error:
            if error.name != "greenlet":
                raise
            raise TargetError(
                "asgi: targets need greenlet, to run inline what applications give to threads: "
                "pip install 'pytest-crosstalk[asgi]'"
            ) from None
        return open_asgi(target, names or {}, guarantees)
    stray = [name for name, value in (names or {}).items() if name in REACHING and value]
    if stray:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in stray)
        raise TargetError(f"{options} tells how to reach an ASGI application: give asgi:module:app as the target")
    if isinstance(target, str):
        spec, factory = target, load(target)
    else:
        spec = f"{getattr(target, '__module__', '?')}:{getattr(target, '__qualname__', type(target).__name__)}"
        factory = target
    sample: Any = None
    try:
        sample = _sample(factory)
        adapter = Adapter(sample, names or {})
    except NotABroadcaster as error:
        if looks_like_asgi(sample):
            raise TargetError(
                f"{spec} is an ASGI application: give asgi:{spec} with --open PATH, where users connect, and --publish"
            ) from error
        raise TargetError(f"{spec}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        wanting = isinstance(error, TypeError) and " missing " in str(error)
        advice = ". Give a function without parameters that makes one" if wanting else ""
        raise TargetError(
            f"{spec} raised when a broadcaster was made: {type(error).__name__}: {error}{advice}"
        ) from error
    del sample
    fresh = (lambda: reloaded(spec)) if isinstance(target, str) else None
    given = {role: name for role, name in (names or {}).items() if name}
    declared = guarantees or LENIENT
    return calibrated(Examination(spec, factory, adapter, declared, fresh, given, declared))


def _sample(factory: Callable[[], Any]) -> Any:
    """A broadcaster to look at, made on a loop, for its constructor may start tasks; they end with it, or are left."""

    async def made() -> Any:
        sample = factory()
        async with asyncio.timeout(10):
            return await sample if hasattr(type(sample), "__await__") else sample

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(made())
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()


def _refuse_unreached(examination: Examination, history: History) -> None:
    """Raises TargetError where nobody can connect, or is ever sent anything: then it is called in a wrong way."""
    adapter = examination.adapter
    connects = [call for call in history.calls if call.kind == "connect"]
    if all(call.status == FAILED for call in connects) and connects:
        raise TargetError(
            f"{examination.target}: nobody could connect: {adapter.connect.shown} raised {connects[0].error} "
            f"({connects[0].where}). If something has to be there first, give a factory that makes it, or wrap the "
            "broadcaster in a small class whose connect(user_id, websocket) does"
        )
    arrived = any(frame.content >= 0 or frame.others or frame.foreign for frame in history.frames)
    returned = all(call.status == ACCEPTED for call in history.calls)
    if not arrived and returned and not history.blocked and not _unread(history):
        raise TargetError(
            f"{examination.target}: nothing that was published was sent to anybody: crosstalk called "
            f"{adapter.connect.shown} and {adapter.publish.shown}. If a connection has to subscribe, or events to look "
            f"otherwise, {WRAP}"
        )


def find(history: History, check: str, cause: str) -> Violation | None:
    """The first violation of `check` with `cause`."""
    return next((v for v in CHECKS[check](history).violations if v.cause == cause), None)


def _served_though_false(history: History) -> bool:
    """Whether a connection whose connect returned False is sent events: then False is no refusal."""
    false = {call.episode for call in history.calls if call.kind == "connect" and call.value is False}
    sends = zip(history.send_episode, history.send_frame, strict=True)
    return any(episode in false and history.frames[frame].carried for episode, frame in sends)


def calibrated(examination: Examination) -> Examination:
    """Finds out, in plain order, whether the broadcaster has to be started, whether a connect that returns False has
    refused, how an event is given (a dict or text) and whether integers returned are counts."""
    history, _ = examination.run(examination.controls(), Plain())
    adapter = examination.adapter
    if adapter.startable and not len(history.send_start):
        adapter.start = adapter.startable
        started, _ = examination.run(examination.controls(), Plain())
        if len(started.send_start):
            history = started
        else:
            adapter.start = ""
    if any(call.kind == "connect" and call.value is False for call in history.calls):
        adapter.refuses = False
        let_in, _ = examination.run(examination.controls(), Plain())
        if _served_though_false(let_in):
            history = let_in
        else:
            adapter.refuses = True
    if adapter.single:
        # a disconnect that names no connection: does a second connection of a user replace the first?
        devices = {
            history.episodes[episode].device
            for episode, frame in zip(history.send_episode, history.send_frame, strict=True)
            if history.episodes[episode].user == 2 and history.frames[frame].carried  # each was greeted, perhaps
        }
        adapter.replaces = len(devices) < 2
    timers = frozenset(examination.delays)
    mistaken = ("TypeError", "AttributeError")
    publishes = [call for call in history.calls if call.kind == "publish"]
    if adapter.form == "dict" and (
        not len(history.send_start)
        and not history.blocked
        and any(call.status == ACCEPTED or call.error.startswith(mistaken) for call in publishes)
    ):  # it may have caught the error
        adapter.form = "text"
        second, _ = examination.run(examination.controls(), Plain())
        if len(second.send_start):
            history = second
            publishes = [call for call in history.calls if call.kind == "publish"]
        else:
            adapter.form = "dict"
    guarantees = examination.guarantees
    if guarantees.counts == "auto":
        numbers = [c.value for c in publishes if c.status == ACCEPTED and type(c.value) is int]
        # a number that no count of connections could be is a sequence number, a status or a size
        counts = all(0 <= number <= len(history.episodes) for number in numbers)
        guarantees = msgspec.structs.replace(guarantees, counts="yes" if counts else "no")
    workers = _workers(examination) if history.leftover_tasks else {}
    # of its timers those that are set in plain order, so that a replay elsewhere finds the same
    own = [delay for delay in timers if SETTLE < delay <= LONGEST]
    patience = 1.01 * max(own, default=0.0)
    examination = replace(examination, guarantees=guarantees, workers=workers, patience=patience)
    if patience and _missing(history):
        patient = replace(examination, settling=SETTLE + patience)
        second, _ = patient.run(patient.controls(), Plain())
        if _missing(second) < _missing(history):
            examination, history = patient, second
    asked = sorted(name for name in history.lacking if _SENDING.search(name))
    if asked and not any(frame.carried for frame in history.frames):
        raise TargetError(
            f"{examination.target} sends by {asked[0]}, which the simulated connection does not have; it has what "
            "connections of Starlette, websockets, aiohttp and Tornado have, and is a callback too. Wrap the "
            "broadcaster in a small class whose connect(user_id, websocket) gives it a connection with that method"
        )
    if adapter.ending is None:
        _refuse_unreached(examination, history)
    return replace(examination, unread=_unread(history), blocked=history.blocked)


_SENDING = re.compile("send|write|emit|push|put|publish|deliver|post|message|notify")


def _missing(history: History) -> int:
    """How many deliveries are missing, and runs incomplete where the application makes their events."""
    if history.final_quiet == NEVER:
        return 0
    runs = [] if history.answers is None else CHECKS["golden_path"](history).violations
    return len(owed(history, history.final_quiet)[1]) + sum(violation.cause == "incomplete" for violation in runs)


def _unread(history: History) -> str:
    """Why nothing can be read in what is sent: none of the frames holds an event, and one of them holds no JSON."""
    frames = history.frames
    if any(frame.content >= 0 or frame.others or frame.foreign for frame in frames):
        return ""
    strange = [frame.text for frame in frames if not frame.json]
    return (
        f"no event can be read in the frames that are sent, such as {strange[0][:20]!r}...: wrap the broadcaster in a "
        "small class whose connect gives it a socket that decodes what it sends"
        if strange
        else ""
    )


READING = ("isolation", "ownership", "integrity", "duplicate", "order", "delivery", "golden_path", "blocking")
"""The checks that have to read what is sent."""


LONGEST = 3_600.0
"""The schedule lets the broadcaster's own timers pass that are no longer than this, in seconds."""


POOL = 24
"""So many workers at most may a broadcaster have; more are tasks of users."""


def _workers(examination: Examination) -> dict[str, int]:
    """How many tasks of each kind remain, however many users came and went: a pool, all of it or grown by need."""
    runs = [examination.run(departures((2 * POOL,)), Plain())]
    for seed in range(3):
        source = random.Random(seed)
        runs.append(examination.run(draw(source, "wide"), RandomWalk(source)))
    quiet, *crowds = [Counter(history.leftover_tasks) for history, _ in runs]
    # what only some of the crowds leave behind is no pool but a race
    counts = {name: max(quiet[name], min(crowd[name] for crowd in crowds)) for name in quiet}
    return {name: count for name, count in counts.items() if 1 < count <= POOL}


def controls(examination: Examination, checks: Sequence[str] = tuple(CHECKS)) -> tuple[Control, ...]:
    """Each check against its own sabotage, in plain order, on this target."""
    found = []
    blocked = False
    for name, sabotage in SABOTAGE:
        if name not in checks or name in examination.exempt or _declared_off(examination.guarantees, name, sabotage):
            continue
        caught = False
        if not blocked:
            if sabotage is hoard:
                caught = bool(growth(lambda program: examination.run(program, Plain(), sabotage=hoard)[0]))
            else:
                history, _ = examination.run(examination.controls(), Plain(), sabotage=sabotage)
                blocked = history.blocked
                caught = bool(CHECKS[name](history).violations)
        found.append(Control(name, sabotage.__name__, caught))
    return tuple(found)


def growth(play: Callable[[Program], History], programs: Programs = departures) -> tuple[int, ...]:
    """The counts over which memory is seen to grow, if any: few, or more of them where it rises and falls."""
    history, seconds = _timed(play, programs(COUNTS))
    if _growths(history):
        return COUNTS
    if rises_and_falls(history):
        _, of_counting = _timed(play, programs((1, 2, 3)))
        each = (seconds - of_counting) / COUNTS[-1]
        if each * MORE_COUNTS[-1] <= AT_MOST and _growths(play(programs(MORE_COUNTS))):
            return MORE_COUNTS
    return ()


def _growths(history: History) -> list[str]:
    """The causes by which memory is seen to grow."""
    return [v.cause for v in CHECKS["cleanup"](history).violations if v.cause.startswith("growth")]


def _timed(play: Callable[[Program], History], program: Program) -> tuple[History, float]:
    """What was played, and the seconds that it took."""
    began = time.monotonic()
    history = play(program)
    return history, time.monotonic() - began


def _declared_off(guarantees: Guarantees, check: str, sabotage: Any) -> bool:
    return (
        (check == "truthful_count" and guarantees.counts == "no")
        or (check == "duplicate" and guarantees.at_least_once)
        or (sabotage is hoard and not guarantees.growth)
    )


@dataclass(slots=True)
class Run:
    """One explored run: which strategy chose, what was played, and what each check says of it.

    `reached` counts the kinds of hand-over that this exploration has reached so far.
    """

    number: int
    strategy: str
    program: Program
    tape: tuple[int, ...]
    history: History
    results: dict[str, Result]
    reached: int = 0


# Of 256 programs: most are of the small mixed family, some of each other, one wide and two long ones.
_PORTIONS = tuple(
    "wide"
    if number == 100
    else "long"
    if number in (60, 200)
    else ("identity", "runs", "lifecycle", "faults", "slow")[number // 6 % 5]
    if number % 6 == 2
    else ("churn", "handover")[number // 3 % 2]
    if number % 3 == 1
    else "any"
    for number in range(256)
)


def mix(source: random.Random) -> tuple[tuple[str, Strategy], ...]:
    """The strategies that take turns; by evidence of suites/bench/strategies.py."""
    return (
        ("random walk", RandomWalk(source)),
        ("slow PCT-2", PCT(source, 2, slow=True)),
        ("POS", POS(source)),
        ("slow PCT-3", PCT(source, 3, slow=True)),
        ("PCT-2", PCT(source, 2)),
        ("slow PCT-2", PCT(source, 2, slow=True)),
        ("random walk", RandomWalk(source)),
        ("slow PCT-3", PCT(source, 3, slow=True)),
        ("plain", Plain()),
    )


FRESH = 256
"""So many programs are drawn before any is bred: most defects need no more than one of them, and few a descendant."""


def explore(
    examination: Examination,
    seed: int = 0,
    family: str = "any",
    checks: Sequence[str] = tuple(CHECKS),
) -> Iterator[Run]:
    """Runs without end: a fresh program each, one schedule per program, judged by `checks`."""
    source = random.Random(seed)
    strategies = mix(source)
    feedback = Feedback(source)
    waits: Sequence[float] = WAITS
    words = examination.words
    number = fresh = 0
    while True:
        bred = feedback.breed() if number % 2 and number >= FRESH else None
        if bred is not None:
            drawn, genome, _ = bred
            name, strategy = "feedback", cast(Strategy, feedback)
        else:
            drawn = _PORTIONS[fresh % len(_PORTIONS)] if family == "any" else family
            genome = source.randbytes(GENOME)
            name, strategy = strategies[(fresh + fresh // len(strategies)) % len(strategies)]
            fresh += 1
        small = drawn not in ("wide", "long")
        program = decode(genome, drawn, waits, words) if small else draw(source, drawn)
        world = examination.world(program, strategy, run_id=number % RUN_IDS)
        history, tape = world.history, tuple(world.loop.tape)
        if small and world.cells:
            feedback.learn((drawn, genome, tape), world.cells)
        results = check_all(history, checks)
        yield Run(number, name, program, tape, history, results, len(feedback.seen))
        number += 1
        if number == 12 and examination.delays:
            # the broadcaster sets timers: time also moves to just after them, and to so little before them that what
            # takes as long as the shortest is under way when they fire
            near = sorted(delay for delay in examination.delays if delay > 0)[:8]
            waits = (*WAITS, *(wait for delay in near for wait in (delay - near[0] / 2, delay * 1.01)))


def examine(
    examination: Examination,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    schedules: int | None = None,
    progress: Callable[[Explored, int], None] | None = None,
    family: str = "any",
    checks: Sequence[str] = tuple(CHECKS),
    saved: Sequence[Counterexample] = (),
) -> Verdict:
    """Explore for `seconds` of wall time, or just `schedules` runs, and judge; deterministic but for the time limit.

    `family` says which programs are drawn (see FAMILIES), `checks` by which names they are judged. Ctrl-C ends the
    exploration; the verdict says what is known so far, and that it was interrupted. `progress` is told every 64 runs
    what was explored so far, and how many distinct violations are known. `saved` counterexamples are replayed first.
    """
    explorer = _Explorer(examination, seed, seconds, schedules, progress, family, checks)
    explorer.saved = saved
    with many_runs():
        return explorer.examine()


SOME, SLOW = 64, 0.005
"""Where there was time for fewer schedules than these, and each delivery took so many seconds, it is said."""


class _Explorer:
    """The state of one examination while it runs."""

    def __init__(
        self,
        examination: Examination,
        seed: int,
        seconds: float,
        schedules: int | None,
        progress: Callable[[Explored, int], None] | None,
        family: str,
        checks: Sequence[str],
    ) -> None:
        self.examination = examination
        self.seed = seed
        self.seconds = seconds
        self.schedules = schedules
        self.progress = progress
        self.family = family
        self.asked = checks
        blind = READING if examination.unread else ()
        self.checks = tuple(check for check in checks if check not in examination.exempt and check not in blind)
        self.began = time.monotonic()
        self.opportunities = dict.fromkeys(self.checks, 0)
        self.defects: dict[tuple[str, str], tuple[str, Program, tuple[int, ...]]] = {}
        self.lost: set[str] = set()
        self.found: dict[str, list[FoundViolation]] = {name: [] for name in self.checks}
        self.notes: list[str] = []
        self.runs = self.decisions = self.deliveries = self.reached = 0
        self.strategies: Counter[str] = Counter()
        self.coverage: list[tuple[float, int]] = []
        self.interrupted = False
        self.reloading = False
        self.saved: Sequence[Counterexample] = ()
        self.from_threads = VirtualLoop.from_threads

    def examine(self) -> Verdict:
        automatic = gc.isenabled()
        _collect()
        gc.disable()
        known: tuple[Control, ...] = ()
        try:
            if not self.checks:
                return self._verdict(known)
            if self.examination.unread:
                self.notes.append(self.examination.unread)
            if self.examination.adapter.start:
                self.notes.append(f"each run's broadcaster was started by its {self.examination.adapter.start}()")
            if self.examination.settling > SETTLE:
                self.notes.append(
                    f"events may wait for timers of the broadcaster: each was given {self.examination.settling:g} s"
                )
            known = self._controls()
            seeing = any(control.caught for control in known)
            if seeing and "integrity" in self.checks and _by_reference(self.examination):
                self.notes.append(
                    "a publisher that changes its event object after the publish has returned changes what is "
                    "delivered; --guarantee snapshot=yes holds the broadcaster to the event as it was"
                )
            self._replay()
            self._untouched()
            growing = self._census() if seeing else []
            self._explore(0.7 if growing else 1.0)
            self._growth(growing)
            self._minimise()
        except KeyboardInterrupt:
            self.interrupted = True
            try:
                self._minimise(hurry=True)
            except KeyboardInterrupt:
                self.notes.append("interrupted twice: some violations are not shown")
        finally:
            gc.unfreeze()
            gc.collect()  # here nobody hears what is left of a run complain
            if automatic:
                gc.enable()
        return self._verdict(known)

    def _controls(self) -> tuple[Control, ...]:
        """The controls; once more with freshly loaded modules where one was missed and that lets it be caught."""
        known = controls(self.examination, self.checks)
        fresh = self.examination.fresh
        blocked = self.examination.blocked and not any(control.caught for control in known)
        if fresh is not None and not blocked and not all(control.caught for control in known):
            renewed = replace(self.examination, factory=lambda: fresh()(), fresh=None)
            again = controls(renewed, self.checks)
            if sum(control.caught for control in again) > sum(control.caught for control in known):
                self._reload(renewed)
                return again
        return known

    def _reload(self, renewed: Examination) -> None:
        """From here on every run gets a freshly loaded module."""
        self.examination = renewed
        self.reloading = True
        self.notes.append(
            "state outlives the factory (a module's or a class's variable, or a mutable default): "
            "each run was given a freshly loaded module"
        )

    def _left(self, share: float = 1.0) -> float:
        return self.began + self.seconds * share - time.monotonic()

    def _replay(self) -> None:
        """Saved counterexamples of this target: those that still fail are known from the start."""
        mine = [s for s in self.saved if s.target == self.examination.target and s.check in self.checks]
        failing = [s for s in mine if _confirmed(self.examination, s.check, s.cause, s.program, s.tape) is not None]
        for example in failing:
            self.defects.setdefault((example.check, example.cause), (example.strategy, example.program, example.tape))
        if mine:
            self.notes.append(
                f"{len(mine)} saved counterexample{'s were' if len(mine) > 1 else ' was'} replayed first: "
                f"{len(failing)} still fail{'s' if len(failing) == 1 else ''}"
            )

    def _untouched(self) -> None:
        """What the controls played is judged as it is too.

        However little time there is, each check that saw its sabotage there has had an opportunity.
        """
        if self.examination.blocked:
            return
        program = self.examination.controls()
        history, tape = self.examination.run(program, Plain())
        results = check_all(history, self.checks)
        self._count(history, tape)
        for check, result in results.items():
            self.opportunities[check] += result.opportunities
        self._take_in(Run(-1, "plain", program, tape, history, results))

    def _explore(self, share: float) -> None:
        runs = explore(self.examination, self.seed, self.family, self.checks)
        while self.schedules is None or self.runs < self.schedules:
            if self.runs and self._left(0.65 * share if self.defects else share) < 0:
                break
            run = next(runs)
            self.runs += 1
            self._count(run.history, run.tape)
            self.strategies[run.strategy] += 1
            if run.reached > self.reached:
                self._reached(run.reached)
            for check, result in run.results.items():
                self.opportunities[check] += result.opportunities
            if not self._take_in(run):
                # from here on every run gets a freshly loaded module
                runs = explore(self.examination, self.seed + self.runs, self.family, self.checks)
            if run.history.blocked:
                break  # each further run would cost as long
            if self.runs % 64 == 0:
                _collect()
                if self.progress is not None:
                    self.progress(self._explored(), len(self.defects))

    def _slow(self) -> tuple[str, ...]:
        """Why so few schedules were explored, where that is the broadcaster's own slowness, and what to do."""
        spent = time.monotonic() - self.began
        history, took = _timed(self.examination.play, self.examination.controls())
        deliveries = len(history.send_start)
        if history.blocked or took < max(SLOW * deliveries, self.seconds / SOME):
            return ()
        enough = int(spent + SOME * took) // 10 * 10 + 10
        return (
            f"the broadcaster is slow to play: {deliveries} deliveries took {took:.1f} s, and no more than {self.runs} "
            f"schedule{'s' * (self.runs > 1)} could be explored. Let nothing in it keep the thread "
            "(time.sleep, a driver that does not await), which holds up every user in production too; "
            f"or say --budget {enough}",
        )

    def _take_in(self, run: Run) -> bool:
        """Take the run's violations in; False when one of them showed that state stays, which spoils the others too."""
        for check, result in run.results.items():
            for violation in result.violations:
                if violation.cause == "frames were sent" and _leaks(run):
                    continue  # whoever sends everything to everybody sends too much
                if violation.cause == "never quiet" and run.history.blocked:
                    continue  # a run that is broken off is not quiet either
                if not self._seen(check, violation.cause, run.strategy, run.program, run.tape):
                    return False
        return True

    def _explored(self) -> Explored:
        seconds = round(time.monotonic() - self.began, 3)
        strategies, coverage = dict(self.strategies), tuple(self.coverage)
        return Explored(self.runs, self.runs, self.decisions, self.deliveries, seconds, strategies, coverage)

    def _reached(self, kinds: int) -> None:
        """Keep some POINTS moments of how coverage grew."""
        self.reached = kinds
        self.coverage.append((round(time.monotonic() - self.began, 3), kinds))
        if len(self.coverage) > 2 * POINTS:
            self.coverage = self.coverage[1::2]

    def _count(self, history: History, tape: tuple[int, ...]) -> None:
        self.decisions += len(tape)
        self.deliveries += len(history.send_start)

    def _seen(self, check: str, cause: str, strategy: str, program: Program, tape: tuple[int, ...]) -> bool:
        """Take a violation in, once confirmed in a freshly loaded module; False when that showed that state stays."""
        if (check, cause) in self.defects:
            return True
        examination = self.examination
        if examination.fresh is not None and not self.reloading:
            if _confirmed(self._afresh(), check, cause, program, tape) is None:
                fresh = examination.fresh
                fresh()  # for the very next run
                self._reload(replace(examination, factory=lambda: fresh()(), fresh=None))
                return False
        elif _confirmed(examination, check, cause, program, tape) is None:
            self.lost.add(check)
            return True
        self.defects[check, cause] = (strategy, program, tape)
        return True

    def _census(self) -> list[tuple[Programs, tuple[int, ...]]]:
        """The programs in which memory grew over the first few departures or passing events, and over how many."""
        growing: list[tuple[Programs, tuple[int, ...]]] = []
        if "cleanup" in self.checks and self.examination.guarantees.growth:
            for programs in (departures, _vanished, passing_events, _cancelled):
                if programs is _cancelled and any(found is departures for found, _ in growing):
                    continue  # that tells no more
                if counts := growth(self._play_afresh, programs):
                    growing.append((programs, counts))
            if not self.examination.guarantees.cancelled_disconnect and growing and growing[-1][0] is _cancelled:
                growing.pop()
                self.notes.append(
                    "what a disconnect that is cancelled half-way has not tidied up stays for ever: where handlers are "
                    "cancelled, await it under asyncio.shield; --guarantee cancelled_disconnect=yes holds the "
                    "broadcaster to leaving nothing"
                )
        return [] if growing and self._tasks_remain() else growing

    def _tasks_remain(self) -> bool:
        """Whether tasks remain of users who have gone: that is what grows then, with all that they hold."""
        program = departures((4,))
        history, tape = self._afresh().run(program, Plain())
        self._count(history, tape)
        for violation in CHECKS["cleanup"](history).violations:
            self._seen("cleanup", violation.cause, "plain", program, tape)
        return any(check == "cleanup" for check, _ in self.defects)

    def _play_afresh(self, program: Program) -> History:
        history, tape = self._afresh().run(program, Plain())
        self._count(history, tape)
        self.opportunities["cleanup"] += CHECKS["cleanup"](history).opportunities
        return history

    def _afresh(self) -> Examination:
        """The examination on a freshly loaded module, which knows nothing of users and events before."""
        examination = self.examination
        with contextlib.suppress(TargetError):
            if examination.fresh is not None:
                return replace(examination, factory=examination.fresh())
        return examination

    def _growth(self, growing: list[tuple[Programs, tuple[int, ...]]]) -> None:
        """A cache that fills up stops growing in the end; what still grows after very many is a leak."""
        for programs, counts in growing:
            _, seconds = _timed(self.examination.play, programs(counts))
            each = seconds / counts[-1]
            most = int(min(MANY, max(MANY // 2, self._left(0.95) / len(growing) / each)))
            history = self._play_afresh(programs((most // 4, most // 2, most)))
            for cause in _growths(history):
                self.defects.setdefault(("cleanup", cause), ("plain", programs(counts), ()))

    def _minimise(self, hurry: bool = False) -> None:
        order = list(self.checks)
        defects = sorted(self.defects.items(), key=lambda item: order.index(item[0][0]))
        for number, ((check, cause), (strategy, program, tape)) in enumerate(defects):
            if any(violation.cause == cause for violation in self.found[check]):
                continue
            _collect()
            latest = time.monotonic() + (0.0 if hurry else max(0.5, self._left() / (len(defects) - number)))
            examination = self._afresh() if cause.startswith("growth") else self.examination
            violation = violation_of(examination, check, cause, strategy, program, tape, latest)
            if violation is None:
                self.lost.add(check)
            else:
                self.found[check].append(violation)

    def _verdict(self, known: tuple[Control, ...]) -> Verdict:
        verdicts = []
        few = self.schedules is None and 0 < self.runs < SOME and not self.examination.blocked
        for check in self.asked:
            caught = [control.caught for control in known if control.check == check]
            opportunities, found = self.opportunities.get(check, 0), tuple(self.found.get(check, ()))
            outcome, reason = judge(
                opportunities,
                len(found),
                all(caught) if caught else None,
                lost=check in self.lost and not found,
                inapplicable=self._inapplicable(check),
            )
            if reason == NO_OPPORTUNITY:
                reason += " in what was played; a larger budget gives it some"
            if self.examination.unread and check in READING:
                outcome, reason = "unknown", "no event can be read in what is sent"
            elif self.interrupted and outcome == "pass":
                outcome, reason = "unknown", "interrupted"
            elif VirtualLoop.from_threads > self.from_threads and outcome == "pass":
                outcome, reason = "unknown", "the broadcaster uses threads of its own, which no schedule can repeat"
            verdicts.append(CheckVerdict(check, outcome, opportunities, found, reason))
        return Verdict(
            worst([c.verdict for c in verdicts]),
            self.examination.target,
            self.seed,
            tuple(verdicts),
            known,
            self._explored(),
            notes=(*self.notes, *(self._slow() if few and not self.interrupted else ()), *self.examination.remarks()),
            interrupted=self.interrupted,
        )

    def _inapplicable(self, check: str) -> str:
        guarantees = self.examination.guarantees
        if check in self.examination.exempt:
            return self.examination.exempt[check]
        if check == "truthful_count":
            return "no publish returned a count of connections"
        if check == "duplicate" and guarantees.at_least_once:
            return "events may come again"
        return ""


def _collect() -> None:
    """Collect garbage; what stays (a target may keep something of each run for ever) is not looked at again, for a
    garbage collection can be a step of a run, and has to stay quick."""
    gc.collect()
    gc.freeze()


def _by_reference(examination: Examination) -> bool:
    """Whether a broadcaster that does not promise a snapshot keeps the publisher's own object."""
    if examination.guarantees.snapshot:
        return False
    promising = msgspec.structs.replace(examination.guarantees, snapshot=True)
    program = Program(("alice", "bob"), (0, 1), ((Connect(0), Publish(0, mutate=True)),))
    return bool(CHECKS["integrity"](replace(examination, guarantees=promising).play(program)).violations)


def _leaks(run: Run) -> bool:
    isolation = run.results.get("isolation")
    return isolation is not None and bool(isolation.violations)


def _vanished(counts: tuple[int, ...]) -> Program:
    return departures(counts, gone=True)


def _cancelled(counts: tuple[int, ...]) -> Program:
    return departures(counts, cancelled=True)


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
) -> FoundViolation | None:
    """The minimal counterexample of a violation; shrinking stops at `latest` (monotonic seconds).

    None when it does not replay.
    """

    def play(candidate: Program, choices: tuple[int, ...]) -> tuple[bool, tuple[int, ...]]:
        if time.monotonic() > latest:
            raise Enough
        history, played = examination.run(candidate, Replay(choices))
        return find(history, check, cause) is not None, played

    if not cause.startswith(("growth", "kept the thread")):
        program, tape = shrink(program, tape, play)
    played = witnessed(examination, program, tape)
    violation = find(played[1], check, cause)
    if violation is None:
        return None
    target, names, unusual = examination.target, examination.names, examination.declared.unusual()
    token = write(Counterexample(target, check, cause, strategy, program, tape, names, unusual, loader_digest(target)))
    deviations = sum(choice != 0 for choice in tape)
    picture = timeline(played[1], violation)
    shown = exhibit(examination, check, cause, program, tape, played)
    return FoundViolation(
        violation.message, violation.users, token, Schedule(strategy, deviations), picture, cause, shown
    )


__all__ = [
    "KEY",
    "NEVER",
    "Examination",
    "Run",
    "calibrated",
    "controls",
    "examine",
    "explore",
    "find",
    "open_target",
    "violation_of",
]
