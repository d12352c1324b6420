"""A cut-over rehearsed: users stay connected and publishing while a switch moves them from OLD to NEW, and back.

OLD, NEW and the switch are one broadcaster to the harness, so that every check, the shrinker and replay apply. The
operator is one more user of the program, without connections: an event for them is an order to the switch ("switch to
NEW", "switch back to OLD"). So each move comes when the schedule likes, also in the middle of a publish, and is
cancelled half-way where the program says so.

Two searches. The sweep plays a few fixed programs, in which the world answers at once, with the move at every decision
of the run in turn, also with its roll-back and with a failure half-way; what a user had to wait there is the switch's
own doing, and is the down-time. Then drawn programs are explored under all strategies.

What OLD, or NEW, alone breaks in the same programs is told from what the migration breaks.
"""

from __future__ import annotations

import ast
import gc
import random
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from crosstalk.checks import CHECKS
from crosstalk.consolidation.again import names_of_both, options_again
from crosstalk.consolidation.applications import refuse_applications
from crosstalk.consolidation.side import Side
from crosstalk.consolidation.switches import SWITCHES
from crosstalk.controls.sabotage import SABOTAGE, hoard
from crosstalk.examination import (
    Examination,
    control_program,
    find,
    growth,
    mix,
    open_target,
    violation_of,
)
from crosstalk.model.history import ACCEPTED, FAILED, NEVER, PENDING, Call, History
from crosstalk.model.migration import Cutover, Loss
from crosstalk.model.scene import Culprit, Decision, Exhibit, Remark, Scene, Switch
from crosstalk.model.verdict import Control, FoundViolation, Outcome, judge, worst
from crosstalk.reporting.timeline import timeline
from crosstalk.scenarios.program import (
    GENOME,
    WAITS,
    AnyStep,
    Burst,
    Cancel,
    Connect,
    Disconnect,
    Program,
    Publish,
    decode,
    golden_run,
)
from crosstalk.scenarios.runner import many_runs
from crosstalk.scenarios.shrink import PLAIN
from crosstalk.scenarios.token import Counterexample, read
from crosstalk.scenarios.track import ARRIVAL
from crosstalk.scenarios.world import World
from crosstalk.schedule.loop import Strategy
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.pos import POS
from crosstalk.schedule.strategies.random_walk import RandomWalk
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.schedule.strategies.settled import Settled
from crosstalk.schedule.strategies.switch_at import SwitchAt
from crosstalk.targets.in_process import Adapter
from crosstalk.targets.loader import load
from crosstalk.targets.plan import NotABroadcaster

OPERATOR = "the operator"
TO_NEW, HALF, BACK = "switch to NEW", "switch 50% to NEW", "switch back to OLD"
_ORDER = re.compile(rf"(switch [^;]*) for {OPERATOR} is published")
"""An order to the switch, as the words of a program have it."""
_PLANS = ((TO_NEW,), (TO_NEW, BACK), (HALF, TO_NEW), (HALF, BACK), (TO_NEW, BACK, TO_NEW), (HALF, TO_NEW, BACK))
_FAMILIES = ("any", "runs", "churn", "lifecycle", "faults", "slow", "runs", "identity")
_MOVES = ("move", "switch", "switch_to", "set_share", "rollout", "set_rollout", "set_percentage", "shift", "flip")
ALONE = 200
"""Schedules in which OLD or NEW alone is given the chance to break the same."""


# -- the three as one -------------------------------------------------------------------------------------------------


class Together:
    """OLD, NEW and the switch as one broadcaster; what is published to the operator moves users."""

    def __init__(self, switch: Side) -> None:
        self._switch = switch
        self._move = _mover(switch.broadcaster)

    async def connect(self, user_id: str, websocket: Any) -> Any:
        return await self._switch.connect(user_id, websocket)

    async def disconnect(self, user_id: str, websocket: Any) -> Any:
        return await self._switch.disconnect(user_id, websocket)

    async def publish(self, user_id: str, event: dict[str, Any]) -> Any:
        if user_id != OPERATOR:
            return await self._switch.publish(user_id, event)
        order = parsed(event["type"])
        if order is not None:
            await self._move(*order)
        return None


def parsed(order: str) -> tuple[float, frozenset[str]] | None:
    """Share and cohort of an order to the switch; None where it is none."""
    if order == TO_NEW:
        return 1.0, frozenset()
    if order == BACK:
        return 0.0, frozenset()
    if not order.startswith("switch ") or not order.endswith(" to NEW"):
        return None
    whom = order.removeprefix("switch ").removesuffix(" to NEW")
    if whom.endswith("%"):
        return float(whom[:-1]) / 100, frozenset()
    return 0.0, frozenset(ast.literal_eval(whom))


def _mover(switch: Any) -> Callable[[float, frozenset[str]], Any]:
    """How the switch is told: by `move(share, cohort)`, or a method of another name that takes a share or a yes."""
    name = next((name for name in _MOVES if callable(getattr(switch, name, None))), None)
    if name is None:
        raise NotABroadcaster(
            f"{type(switch).__name__} has no method to move users: give it move(share, cohort), where share 1.0 is "
            "everybody to NEW, 0.0 is the roll-back, and cohort are users who go in any case"
        )
    method = getattr(switch, name)
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    takes = code.co_argcount - hasattr(method, "__self__") if code is not None else 2
    hundred = code is not None and any("perc" in word for word in code.co_varnames[: code.co_argcount])

    async def move(share: float, cohort: frozenset[str]) -> None:
        amount = share * 100 if hundred else share
        value = method(amount, cohort) if takes > 1 else method(amount)
        if hasattr(type(value), "__await__"):
            await value

    return move


@dataclass(frozen=True)
class Rehearsal(Examination):
    """The three as one target, and `alone` OLD and NEW for themselves."""

    alone: tuple[Examination, ...] = ()

    def world(self, program: Program, strategy: Strategy, run_id: int = 1, sabotage: Any = None) -> World:
        world = Examination.world(self, program, strategy, run_id, sabotage)
        _tidy(world.history)
        return world


def _tidy(history: History) -> None:
    """An order may wait as long as it must, for users who are stalled; but it must not fail of its own accord."""
    if OPERATOR not in history.users:
        return
    operator = history.users.index(OPERATOR)
    history.blocked_calls = tuple(i for i in history.blocked_calls if history.calls[i].user != operator)
    for call in history.calls:
        if call.user == operator and call.status == FAILED:
            call.excused = False


def rehearsal(old: Examination, new: Examination, switch: str | Callable[[Any, Any], Any] = "drain") -> Rehearsal:
    """OLD and NEW behind `switch`: the name of one in `switches`, SPEC of a callable (old, new), or that callable.

    A switch of your own is given the two broadcasters as their factories make them. Raises TargetError.
    """
    refuse_applications("users are moved between two broadcasters in one process", old, new)
    ours = isinstance(switch, str) and switch in SWITCHES
    make: Callable[..., Any]
    if isinstance(switch, str):
        make = SWITCHES[switch] if ours else load(switch)
        name = switch
    else:
        make, name = switch, getattr(switch, "__qualname__", "switch")
    found: list[Adapter] = []

    async def together() -> Together:
        sides = [await _made(old.factory), await _made(new.factory)]
        given = [Side(side, kind.adapter) for side, kind in zip(sides, (old, new), strict=True)] if ours else sides
        both = make(*given)
        if hasattr(type(both), "__await__"):
            both = await both
        if not found:
            found.append(Adapter(both))
        return Together(Side(both, found[0]))

    opened = open_target(together, guarantees=old.guarantees)
    target = f"{old.target} -> {new.target} by {name}"
    adapter, guarantees = opened.adapter, opened.guarantees
    names = names_of_both(old, new)
    return Rehearsal(target, opened.factory, adapter, guarantees, None, names, old.declared, alone=(old, new))


async def _made(factory: Callable[[], Any]) -> Any:
    made = factory()
    return await made if hasattr(type(made), "__await__") else made


# -- programs with orders ---------------------------------------------------------------------------------------------


def with_orders(program: Program, source: random.Random) -> Program:
    """`program` with an operator, whose orders come in a track of their own or between other steps."""
    operator = len(program.users)
    plan = list(source.choice(_PLANS))
    if source.random() < 0.3:
        plan[0] = f"switch {[program.users[0]]} to NEW"
    orders = tuple(Publish(operator, 0, order) for order in plan)
    tracks = list(program.tracks)
    users = (*program.users, OPERATOR)
    if source.random() < 0.4 and tracks:
        which = source.randrange(len(tracks))
        steps: list[AnyStep] = list(tracks[which])
        places = sorted(source.randrange(len(steps) + 1) for _ in orders)
        for place, order in reversed(list(zip(places, orders, strict=True))):
            steps.insert(place, order)
        tracks[which] = tuple(steps)
        return Program(users, program.devices, tuple(tracks), program.prompt)
    if source.random() < 0.3 and tracks:
        which = source.randrange(len(tracks))
        place = source.randrange(len(tracks[which]) + 1)
        tracks[which] = (*tracks[which][:place], Cancel(len(tracks)), *tracks[which][place:])
    return Program(users, program.devices, (*tracks, orders), program.prompt)


def without_orders(program: Program) -> Program:
    """`program` as OLD or NEW alone plays it."""
    if OPERATOR not in program.users:
        return program
    operator = program.users.index(OPERATOR)
    tracks = tuple(
        tuple(step for step in track if not (isinstance(step, Publish) and step.user == operator))
        for track in program.tracks
    )
    return Program(program.users, program.devices, tracks, program.prompt)


def _swept() -> list[tuple[Program, int]]:
    """The programs of the sweep, and which track holds the orders."""
    users = ("alice", "bob", OPERATOR)
    here = (Connect(0), Connect(1), Connect(2))
    found = []
    for plan in ((TO_NEW,), (TO_NEW, BACK), ("switch ['alice'] to NEW", TO_NEW)):
        orders = tuple(Publish(2, 0, order) for order in plan)
        found.append((Program(users, (0, 1, 0), ((*here, *golden_run(0, 1)), golden_run(1, 2), orders)), 2))
        coming = (*here, Publish(0), Disconnect(0), Publish(0), Connect(0), Publish(0), Publish(1))
        found.append((Program(users, (0, 1, 0), (coming, (Burst((0, 1, 0, 1)), Publish(1), Publish(0)), orders)), 2))
    broken = (*here, Publish(0), Publish(1), Publish(0), Publish(1))
    found.append((Program(users, (0, 1, 0), (broken, (Cancel(2),), (Publish(2, 0, TO_NEW),))), 2))
    return found


# -- the search -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Search:
    target: Rehearsal
    seed: int
    broken: dict[tuple[str, str], tuple[str, Program, tuple[int, ...]]] = field(default_factory=dict)
    theirs: tuple[set[tuple[str, str]], set[tuple[str, str]]] = field(default_factory=lambda: (set(), set()))
    opportunities: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))
    points: int = 0
    schedules: int = 0
    moves: int = 0
    down_time: dict[str, float] = field(default_factory=dict)
    worst: tuple[float, str] = (0.0, "")

    def judge(self, name: str, program: Program, strategy: Strategy) -> History:
        history, tape = self.target.run(program, strategy, run_id=self.schedules & 0xFFFF)
        self.schedules += 1
        operator = program.users.index(OPERATOR) if OPERATOR in program.users else -1
        self.moves += sum(call.user == operator and not call.probe for call in history.calls)
        for check, asked in CHECKS.items():
            result = asked(history)
            self.opportunities[check] += result.opportunities
            for violation in result.violations:
                self.broken.setdefault((check, violation.cause), (name, program, tape))
        return history

    def sweep(self, latest: float) -> None:
        for program, track in _swept():
            lane = ARRIVAL + track
            cancels = [ARRIVAL + i for i, steps in enumerate(program.tracks) if isinstance(steps[0], Cancel)]
            usual = _waits(self.judge("sweep", program, SwitchAt(lane, 1 << 30)))
            for gap in (0, 8) if len(program.tracks[track]) > 1 or cancels else (0,):
                point, length = 0, 1
                while point < length and (not self.points or time.monotonic() < latest):
                    others = tuple((cancel, gap) for cancel in cancels)
                    strategy = SwitchAt(lane, point, gap, others)
                    history = self.judge("sweep", program, strategy)
                    length = strategy.seen
                    point += 1
                    self.points += 1
                    self._waited(history, usual)

    def _waited(self, history: History, usual: dict[str, float]) -> None:
        for user, seconds in _waits(history).items():
            beyond = max(0.0, seconds - usual.get(user, 0.0))
            self.down_time[user] = max(self.down_time.get(user, 0.0), beyond)
            if beyond > self.worst[0]:
                self.worst = beyond, point_of(history)

    def draw(self, latest: float, most: int | None, progress: Callable[[int, int], None] | None) -> None:
        source = random.Random(self.seed)
        strategies = mix(random.Random(self.seed + 1))
        words = self.target.guarantees.grammar.words()
        waits: Sequence[float] = WAITS
        number = 0
        while (most is None or number < most) and (most is not None or time.monotonic() < latest):
            family = _FAMILIES[number % len(_FAMILIES)]
            plain = decode(source.randbytes(GENOME), family, waits, words)
            program = with_orders(plain, source)
            name, strategy = strategies[(number + number // len(strategies)) % len(strategies)]
            self.judge(name, program, strategy)
            if number % 4 == 0:
                for side, known in zip(self.target.alone, self.theirs, strict=True):
                    known |= _broken(side.run(plain, strategy)[0])
            number += 1
            if number == 12:
                delays = self.target.delays.union(*(side.delays for side in self.target.alone))
                near = sorted(delay for delay in delays if delay > 0)[:8]
                waits = (*WAITS, *(delay * factor for delay in near for factor in (0.5, 1.01)))
            if number % 64 == 0:
                gc.collect()
                if progress is not None:
                    progress(self.schedules, len(self.broken))

    def losses(self, latest: float) -> list[Loss]:
        rank = list(CHECKS)
        found: list[Loss] = []
        covered: set[str] = set()
        for (check, cause), (name, program, tape) in sorted(self.broken.items(), key=lambda b: rank.index(b[0][0])):
            until = max(min(latest, time.monotonic() + 6.0), time.monotonic() + 0.5)
            program = self._plainly_named(check, cause, program, tape)
            violation = violation_of(self.target, check, cause, name, program, tape, until)
            if violation is None:
                continue
            example = read(violation.replay)
            history, _ = self.target.run(example.program, Replay(example.tape))
            also = {other for other, result in _results(history).items() if result and other != check}
            if also & covered:
                continue  # a symptom of what has been told
            found.append(self.loss(violation, example, history))
            covered.add(check)
        return found

    def loss(self, violation: FoundViolation, example: Counterexample, history: History) -> Loss:
        """The violation, and whose doing it is; `history` is the example's."""
        whose = self._whose(example.check, example.cause, example)
        picture = _labelled(violation.timeline, history)
        shown = _switched(violation.exhibit) if violation.exhibit is not None else None
        violation = msgspec.structs.replace(violation, timeline=picture, exhibit=shown)
        return Loss(example.check, whose, point_of(history), violation)

    def _plainly_named(self, check: str, cause: str, program: Program, tape: tuple[int, ...]) -> Program:
        """`program` with plain user ids, if it fails with those too: the shrinker has none for the operator."""
        if OPERATOR not in program.users or len(program.users) > len(PLAIN) + 1:
            return program
        plain = msgspec.structs.replace(program, users=(*PLAIN[: len(program.users) - 1], OPERATOR))
        return plain if find(self.target.run(plain, Replay(tape))[0], check, cause) is not None else program

    def _whose(self, check: str, cause: str, example: Counterexample) -> str:
        plain = without_orders(example.program)
        moved = plain.steps < example.program.steps
        for name, side, known in zip(("OLD", "NEW"), self.target.alone, self.theirs, strict=True):
            if (check, cause) in known:
                return name
            for number in range(ALONE if moved else 2 * ALONE):
                history = side.run(plain, _nth(number))[0]
                if find(history, check, cause) is not None:
                    return name
        return "migration"


def _nth(number: int) -> Strategy:
    source = random.Random(number)
    if number < 2:
        return Settled() if number else Plain()
    return (RandomWalk(source), PCT(source, 2), POS(source), PCT(source, 3))[number % 4]


def _results(history: History) -> dict[str, bool]:
    return {check: bool(asked(history).violations) for check, asked in CHECKS.items()}


def _broken(history: History) -> set[tuple[str, str]]:
    return {(check, v.cause) for check, asked in CHECKS.items() for v in asked(history).violations}


def cut_over(
    target: Rehearsal,
    *,
    seed: int = 0,
    seconds: float = 30.0,
    programs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Cutover:
    """Sweep all switch points, then explore for the rest of `seconds`, or just so many drawn `programs`."""
    began = time.monotonic()
    search = _Search(target, seed)
    notes: list[str] = []
    losses: list[Loss] = []
    caught: tuple[Control, ...] = ()
    interrupted = False
    automatic = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with many_runs():
            caught = _controls(target)
            search.sweep(began + 0.4 * seconds if programs is None else float("inf"))
            search.draw(began + 0.7 * seconds, programs, progress)
            losses = search.losses(began + seconds)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        gc.unfreeze()
        if automatic:
            gc.enable()
    counted = [loss for loss in losses if loss.whose != "OLD"]
    notes += [
        f"OLD alone breaks {loss.check}: not held against the migration" for loss in losses if loss not in counted
    ]
    outcomes: list[Outcome] = []
    for check in CHECKS:
        known = [control.caught for control in caught if control.check == check]
        applies = check != "truthful_count" or target.guarantees.counts != "no"
        outcome, reason = judge(
            search.opportunities[check],
            sum(loss.check == check for loss in counted),
            all(known) if known else None,
        )
        if not applies or (check == "truthful_count" and not search.opportunities[check]):
            outcome = "pass"
        if outcome == "unknown":
            notes.append(f"{check}: {reason}")
        outcomes.append(outcome)
    if not search.moves:
        notes.append("nothing was ever moved")
    late = {user: seconds for user, seconds in search.down_time.items() if seconds > 0}
    if interrupted or not search.moves:
        outcomes.append("unknown")
    if late:
        outcomes.append("fail")
    point = f"{search.worst[0]:g} s for a switch {search.worst[1]}" if search.worst[0] else ""
    if counted and not point:
        point = counted[0].point
    return Cutover(
        worst(outcomes),
        target.alone[0].target,
        target.alone[1].target,
        target.target.rpartition(" by ")[2],
        seed,
        tuple(losses),
        search.opportunities,
        caught,
        search.points,
        search.schedules,
        search.moves,
        {user: round(seconds, 3) for user, seconds in sorted(search.down_time.items())},
        point,
        round(time.monotonic() - began, 3),
        tuple(dict.fromkeys(notes)),
        options_again(*target.alone),
        interrupted,
    )


def _controls(target: Rehearsal) -> tuple[Control, ...]:
    """Each check against its own sabotage, while a switch is made."""
    guarantees = target.guarantees
    found = []
    for name, sabotage in SABOTAGE:
        if (name == "truthful_count" and guarantees.counts == "no") or (
            name == "duplicate" and guarantees.at_least_once
        ):
            continue
        if sabotage is hoard and not guarantees.growth:
            continue
        if sabotage is hoard:
            caught = bool(growth(lambda program: target.run(program, Plain(), sabotage=hoard)[0]))
        else:
            history, _ = target.run(_with_one_order(control_program(guarantees)), Plain(), sabotage=sabotage)
            caught = bool(CHECKS[name](history).violations)
        found.append(Control(name, sabotage.__name__, caught))
    return tuple(found)


def _with_one_order(program: Program) -> Program:
    orders = (Publish(len(program.users), 0, TO_NEW),)
    return Program((*program.users, OPERATOR), program.devices, (*program.tracks, orders), program.prompt)


# -- what a history says of the switch --------------------------------------------------------------------------------


def _waits(history: History) -> dict[str, float]:
    """The longest that each user's event waited, in virtual seconds: until it was first sent, or its publish failed."""
    times, moved = [0], [0.0]
    for at, note in history.notes:
        if note.startswith("time moves on by "):
            times.append(at)
            moved.append(moved[-1] + float(note.split()[4]))

    def clock(at: int) -> float:
        return moved[bisect_right(times, min(at, history.now)) - 1]

    sent: dict[int, int] = {}
    for row, start in enumerate(history.send_start):
        for content in history.frames[history.send_frame[row]].carried:
            sent.setdefault(content, start)
    waits: dict[str, float] = {}
    for call in history.calls:
        user = history.users[call.user]
        if call.kind == "publish" and user != OPERATOR:
            end = sent.get(call.content, call.returned)
            waits[user] = max(waits.get(user, 0.0), clock(end) - clock(call.started))
    return waits


def point_of(history: History) -> str:
    """What was under way when the (last) order came, in words."""
    if OPERATOR not in history.users:
        return ""
    operator = history.users.index(OPERATOR)
    orders = [call for call in history.calls if call.user == operator and not call.probe]
    if not orders:
        return "without any order to the switch"
    last = orders[-1]
    words = [_doing(history, call) for call in history.calls if call.user != operator and _during(call, last.started)]
    waiting = sum(s < last.started < (e or NEVER) for s, e in zip(history.send_start, history.send_end, strict=True))
    if waiting:
        words.append(f"{waiting} send{'s' * (waiting > 1)} under way")
    if not words:
        before = [c for c in history.calls if c.user != operator and c.returned < last.started]
        words = [f"quiet, after {_doing(history, max(before, key=lambda c: c.returned))}" if before else "at the start"]
    order = history.contents[last.content].type
    state = {PENDING: ", which never ends", FAILED: ", which fails", ACCEPTED: ""}.get(
        last.status, ", cancelled half-way"
    )
    number = f"the {_ORDINALS[min(len(orders), 5) - 1]} order, " if len(orders) > 1 else ""
    return f"{number}{order!r}{state}, {'' if words[0].startswith(('quiet', 'at ')) else 'during '}{', '.join(words)}"


_ORDINALS = ("first", "second", "third", "fourth", "last")


def _during(call: Call, at: int) -> bool:
    return call.started < at < call.returned


def _doing(history: History, call: Call) -> str:
    what = call.kind
    if call.content >= 0:
        what = f"{call.kind} #{call.content} ({history.contents[call.content].type})"
    return f"{what} of {history.users[call.user]!a}"


def _labelled(picture: str, history: History) -> str:
    """The timeline with the operator's orders in words."""
    operator = history.users.index(OPERATOR) if OPERATOR in history.users else -1
    for content, event in reversed(list(enumerate(history.contents))):
        if event.users == {operator} and event.type != "probe":
            picture = picture.replace(f"publish #{content} ", f"{event.type} ")
    return picture


def _switched(exhibit: Exhibit) -> Exhibit:
    """The exhibit with the operator's orders as what they are: no user's events, but switches."""
    passing = _with_switches(exhibit.passing) if exhibit.passing is not None else None
    ours = exhibit.place is not None and exhibit.place.function == Together.publish.__qualname__
    return msgspec.structs.replace(
        exhibit,
        scene=_with_switches(exhibit.scene),
        passing=passing,
        program=tuple(map(_said, exhibit.program)),
        decisions=tuple(
            Decision(d.number, d.time, tuple(map(_said, d.open)), _said(d.failing), _said(d.passing))
            for d in exhibit.decisions
        ),
        place=None if ours else exhibit.place,
        code=() if ours else exhibit.code,
    )


def _said(words: str) -> str:
    """Orders in the words of a program as what they are."""
    return _ORDER.sub(rf"{OPERATOR} says: \1", words)


def _with_switches(scene: Scene) -> Scene:
    operator = scene.users.index(OPERATOR) if OPERATOR in scene.users else -1
    kept = [number for number, act in enumerate(scene.acts) if act.user != operator]
    orders = [act for act in scene.acts if act.user == operator and act.kind == "publish"]
    culprit = scene.culprit
    if culprit is not None and culprit.kind in ("act", "missing"):
        mine = culprit.number in kept
        number = kept.index(culprit.number) if mine else -1
        culprit = msgspec.structs.replace(culprit, number=number) if mine else Culprit("end", culprit.time)
    given_up = [(act.started, act.returned) for act in orders if act.ending == "cancelled"]
    return msgspec.structs.replace(
        scene,
        remarks=tuple(
            Remark(remark.time, "the order to the switch is cancelled")
            if remark.text == "the publish is cancelled by its caller"
            and any(start < remark.time <= end for start, end in given_up)
            else remark
            for remark in scene.remarks
        ),
        acts=tuple(scene.acts[number] for number in kept),
        culprit=culprit,
        switches=tuple(Switch(act.started, act.type, act.returned, act.ending, act.said) for act in orders),
    )


def play(target: Rehearsal, token: str) -> tuple[str, bool]:
    """The timeline of a loss's token, and whether it still happens. Raises ValueError."""
    example = read(token)
    history, _ = target.run(example.program, Replay(example.tape))
    violation = find(history, example.check, example.cause)
    return _labelled(timeline(history, violation), history), violation is not None


def told(target: Rehearsal, token: str) -> Loss | None:
    """The loss of a token, played again; None where it does not happen any more. Raises ValueError."""
    example = read(token)
    strategy, program, tape = example.strategy, example.program, example.tape
    as_it_is = 0.0  # nothing is made smaller after that
    violation = violation_of(target, example.check, example.cause, strategy, program, tape, as_it_is)
    if violation is None:
        return None
    return _Search(target, 0).loss(violation, example, target.run(program, Replay(tape))[0])
