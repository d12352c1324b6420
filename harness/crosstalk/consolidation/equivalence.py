"""Do two broadcasters do the same? The same drawn programs and faults into both; what their users saw, compared.

A search for differences of two sorts, each sound by its own argument:

* Facts (see `facts`), compared run against run in a settled world, where no two steps race. A difference stands only if
  no schedule explains it: the minimal program is played on both with the answers of each step in many orders, and what
  OLD ever showed and what NEW ever showed must have nothing in common. Two correct broadcasters that merely take turns
  differently never differ so.
* Guarantees: the same concurrent programs are played on both under schedules of the same kind, and judged by the
  checks. A violation that only one of them shows is a difference when the other keeps the guarantee throughout the
  search, and in many schedules of the minimal program, of the same with a user's devices in each other's place, and of
  the program in which it was found.

Each distinct difference (kind, situation, what OLD does, what NEW does) is told once, with its smallest program. Before
two broadcasters are called equivalent, OLD is compared with OLD sabotaged, and each sabotage must be seen.
"""

from __future__ import annotations

import gc
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from crosstalk.checks import CHECKS
from crosstalk.consolidation.again import names_of_both, options_again
from crosstalk.consolidation.facts import KINDS, PLAINEST, Fact, Key, facts
from crosstalk.consolidation.moments import moment
from crosstalk.consolidation.sequence import sequenced
from crosstalk.consolidation.side_by_side import side_by_side
from crosstalk.controls import sabotage
from crosstalk.examination import COUNTS, MANY, Examination, mix, violation_of
from crosstalk.exhibit import scene_of, witnessed
from crosstalk.model.history import History, Violation
from crosstalk.model.identity import ID_FAMILIES, identities
from crosstalk.model.migration import Difference, Equivalence, Seen
from crosstalk.model.scene import Scene
from crosstalk.model.verdict import Outcome
from crosstalk.scenarios.program import (
    GENOME,
    WAITS,
    AnyStep,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Wait,
    decode,
    departures,
    golden_run,
    passing_events,
)
from crosstalk.scenarios.runner import many_runs
from crosstalk.scenarios.shrink import shrink
from crosstalk.scenarios.token import Counterexample, read, write
from crosstalk.scenarios.witness import Witness
from crosstalk.schedule.loop import Strategy, VirtualLoop
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.pos import POS
from crosstalk.schedule.strategies.random_walk import RandomWalk
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.schedule.strategies.settled import Settled

_FAMILIES = ("any", "lifecycle", "churn", "faults", "identity", "slow", "runs", "churn")
EXPLAIN = 24
"""Schedules of a minimal program on each side that a difference of facts must outlast."""
KEEPS = 300
"""Schedules in which the other one must keep a guarantee in each of three programs, beside the whole search."""
_SABOTAGES = (
    sabotage.swap_recipients,
    sabotage.alter,
    sabotage.repeat_one,
    sabotage.reorder_two,
    sabotage.drop_one,
    sabotage.overcount,
    sabotage.raise_out,
)


Class = tuple[str, str, str, str]


BROKEN = {"old": ("breaks it", "keeps it"), "new": ("keeps it", "breaks it")}
"""How a guarantee differs that only that side breaks."""


def catalogue() -> Iterator[Program]:
    """Situations that differ between implementations most often, each as small as can be."""
    two = ("alice", "bob")
    everybody = (Connect(0), Connect(1))
    yield Program(two, (0, 1), ((*everybody, Publish(0), Publish(1), Publish(0)),))
    yield Program(two, (0, 1), ((Publish(0), Connect(0), Publish(0), Disconnect(0), Publish(0)), (Connect(1),)))
    yield Program(two, (0, 1, 0), ((*everybody, Connect(2), Publish(0), Disconnect(2), Publish(0)),))
    yield Program(two, (0, 1, 0), ((*everybody, Connect(2), Publish(0), Disconnect(0), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, Disconnect(0), Publish(0), Connect(0), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, Publish(0), Disconnect(0), Connect(0), Publish(0)),))
    yield Program(two, (0, 1, 0), ((*everybody, Publish(0), Connect(2), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, Publish(0, mutate=True), Publish(0)),))
    yield Program(two, (0, 1, 0), ((*everybody, Connect(2), Drop(0), Publish(0), Publish(1), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, Drop(0), Publish(0), Disconnect(0), Connect(0), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, Disconnect(0, gone=True), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, Stall(0), Publish(0), Publish(1)),))
    yield Program(two, (0, 1), ((*everybody, *golden_run(0, 1), *golden_run(0, 2), Publish(0, 1)), golden_run(1, 3)))
    yield Program(two, (0, 1), ((*everybody, Wait(3_600.0), Publish(0), Wait(86_400.0), Publish(0)),))
    yield Program(two, (0, 1), ((*everybody, *(Publish(0) for _ in range(120))),))
    for family in ID_FAMILIES:
        users = identities(family, 4)
        steps = tuple(step for user in range(4) for step in (Connect(user), Publish(user)))
        yield Program(users, (0, 1, 2, 3), ((*steps, *(Publish(user) for user in range(4))),))


def differences(old: dict[Key, Fact], new: dict[Key, Fact]) -> dict[Key, Class]:
    """The facts asked of both that were answered differently."""
    return {
        key: (fact.kind if fact.kind != "returned" else new[key].kind, fact.situation, fact.value, new[key].value)
        for key, fact in old.items()
        if key in new and not _alike(fact.value, new[key].value)
    }


def _alike(old: str, new: str) -> bool:
    """Whether both are the same answer; a number that is no count says nothing of its value."""
    return old == new or (
        _sort(old) == _sort(new) and any(v in ("returns a number", "returns a bool") for v in (old, new))
    )


_SORTS = (
    (re.compile(r"returns (?:\d+|a number)$"), "a count"),
    (re.compile(r"returns (?:True|False|a bool)$"), "a bool"),
)


def _sort(value: str) -> str:
    """What sort of outcome it is: for values, which kind of value."""
    return next((f"returns {sort}" for pattern, sort in _SORTS if pattern.match(value)), value)


def _family(class_: Class) -> Class:
    """What is told as one difference: two counts by which is higher, two sorts of values by their sorts, and what has
    one cause in most code whatever the situation."""
    kind, situation, old, new = class_
    one, other = _sort(old), _sort(new)
    if kind == "returned" and one == other == "returns a count" and "number" not in old + new:
        return kind, "", "more" if int(old[8:]) > int(new[8:]) else "fewer", ""
    if kind == "returned" and one != other:
        situation, old, new = "", one, other
    if kind in ("leaked", "raised", "connect", "disconnect", "closes"):
        situation = ""
    return kind, situation, old, new


def _with_snapshots(side: Examination) -> Examination:
    """`side` with publishers who change an event after the call, whether or not it promises to have copied it: a
    caller for whom OLD did would notice that NEW does not."""
    return replace(side, guarantees=msgspec.structs.replace(side.guarantees, snapshot=True))


@dataclass(slots=True)
class _Pair:
    """The two under comparison, and what is known so far."""

    old: Examination
    new: Examination
    free: frozenset[str]
    counts: bool
    found: dict[Class, tuple[Class, Program, bool]] = field(default_factory=dict)
    situations: dict[Class, set[str]] = field(default_factory=dict)
    broken: dict[tuple[str, str, str], tuple[str, Program, tuple[int, ...]]] = field(default_factory=dict)
    programs: int = 0
    schedules: int = 0
    facts: int = 0
    timers: tuple[list[float], list[float]] = ([], [])

    def play(self, program: Program, brisk: bool, number: int | None = None) -> tuple[dict[Key, Fact], ...]:
        """The facts of both in a settled (or brisk) world; with a `number`, the answers of each step in random order.

        None, where one user waits for another's stalled connection: what comes of that is not the program's doing.
        """
        self.schedules += 2
        histories = [
            side.run(program, Settled(None if number is None else random.Random(number), brisk))[0]
            for side in (self.old, self.new)
        ]
        if any(history.blocked_calls for history in histories):
            return {}, {}
        return tuple(self.read(history, brisk) for history in histories)

    def read(self, history: History, brisk: bool = False) -> dict[Key, Fact]:
        return facts(history, counts=self.counts, free=self.free, brisk=brisk)

    def classes(self, program: Program, brisk: bool) -> dict[Key, Class]:
        one, other = self.play(program, brisk)
        self.facts += len(one.keys() & other.keys())
        return differences(one, other)


def _paired(old: Examination, new: Examination, free: frozenset[str]) -> _Pair:
    counts = "no" not in (old.guarantees.counts, new.guarantees.counts)
    return _Pair(_with_snapshots(old), _with_snapshots(new), free, counts)


def compare(
    old: Examination,
    new: Examination,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    programs: int | None = None,
    allow: frozenset[str] = frozenset(),
    progress: Callable[[int, int], None] | None = None,
) -> Equivalence:
    """Search for differences for `seconds`, or in just so many `programs`; kinds in `allow` are none.

    `progress` is told how many programs were played and how many differences are known. Ctrl-C ends the search; what is
    known by then is told.
    """
    began = time.monotonic()
    pair = _paired(old, new, allow)
    notes: list[str] = []
    told: list[Difference] = []
    shown: set[Class] = set()
    explained = 0
    interrupted = False
    threads = VirtualLoop.from_threads
    controls: tuple[Seen, ...] = ()
    once = ExitStack()
    automatic = gc.isenabled()
    gc.collect()
    gc.freeze()  # what is there already is nothing the broadcasters keep
    gc.disable()
    try:
        once.enter_context(many_runs())
        controls = _controls(pair)
        _search(pair, seed, began + 0.6 * seconds, programs, progress)
        if "guarantee" not in allow and old.guarantees.growth and new.guarantees.growth:
            _growth(pair)
        latest = max(began + seconds, time.monotonic() + 5.0)
        for family in sorted(pair.found, key=lambda f: list(KINDS).index(f[0])):
            smallest = _smallest(pair, family, min(latest, time.monotonic() + 4.0))
            if smallest is None:
                explained += 1
            elif not shown & smallest[1]:
                told.append(smallest[0])
                shown.add(family)
        told = _once(told)
        if "guarantee" not in allow:
            told += _guarantees(pair, told, latest, notes)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        once.close()
        gc.unfreeze()
        if automatic:
            gc.enable()
    notes += _parity(pair)
    if VirtualLoop.from_threads > threads:
        notes.append("one of them uses threads of its own, which no schedule can repeat")
    missed = [seen.sabotage for seen in controls if not seen.caught]
    verdict: Outcome = "pass"
    if told:
        verdict = "fail"
    elif missed or interrupted or not pair.facts or VirtualLoop.from_threads > threads:
        verdict = "unknown"
    if missed:
        notes.append(f"the comparison missed a sabotage of OLD: {', '.join(missed)}")
    return Equivalence(
        verdict,
        old.target,
        new.target,
        seed,
        tuple(sorted(told, key=lambda d: list(KINDS).index(d.kind))),
        controls,
        pair.programs,
        pair.schedules,
        pair.facts,
        explained,
        round(time.monotonic() - began, 3),
        tuple(sorted(allow)),
        tuple(dict.fromkeys(notes)),
        options_again(old, new),
        interrupted=interrupted,
    )


def _controls(pair: _Pair) -> tuple[Seen, ...]:
    """OLD against OLD sabotaged: each sabotage must show as a difference of facts."""
    seen = []
    programs = [sequenced(program) for program in list(catalogue())[:4]]
    for tampering in _SABOTAGES:
        if tampering is sabotage.repeat_one and "at_least_once" in pair.free:
            continue
        caught = False
        for program in programs:
            plain = pair.read(pair.old.run(program, Settled())[0])
            spoilt = pair.read(pair.old.run(program, Settled(), sabotage=tampering)[0])
            caught = caught or bool(differences(plain, spoilt))
        expected = pair.free.isdisjoint(KINDS) and (pair.counts or tampering is not sabotage.overcount)
        if caught or expected:
            seen.append(Seen(tampering.__name__, caught))
    return tuple(seen)


def _search(
    pair: _Pair, seed: int, latest: float, most: int | None, progress: Callable[[int, int], None] | None
) -> None:
    for program in catalogue():
        _settled(pair, program)
    source = random.Random(seed)
    ours, theirs = mix(random.Random(seed + 1)), mix(random.Random(seed + 1))
    waits: Sequence[float] = WAITS
    words = pair.old.guarantees.grammar.words()
    number = 0
    while (most is None or number < most) and (most is not None or not number or time.monotonic() < latest):
        program = decode(source.randbytes(GENOME), _FAMILIES[number % len(_FAMILIES)], waits, words)
        number += 1
        if number % 3 == 0:
            _settled(pair, program)
        else:
            pick = number % len(ours)
            _judged(pair, "old", program, *ours[pick])
            _judged(pair, "new", program, *theirs[pick])
            pair.programs += 1
        if number == 12:
            pair.timers = _timers(pair.old), _timers(pair.new)
            near = sorted(delay for delay in pair.old.delays | pair.new.delays if delay > 0)[:8]
            waits = (*WAITS, *(delay * factor for delay in near for factor in (0.5, 1.01)))
        if number % 64 == 0:
            gc.collect()
            if progress is not None:
                progress(pair.programs, len(pair.found) + len(pair.broken))


def _settled(pair: _Pair, program: Program) -> None:
    pair.programs += 1
    plain = sequenced(program)
    for brisk in (False, True):
        for class_ in pair.classes(plain, brisk).values():
            kind = _family(class_)
            known = pair.found.get(kind)
            pair.situations.setdefault(kind, set()).add(class_[1])
            if known is None or (known[2] == brisk and plain.steps < known[1].steps):
                pair.found[kind] = class_, plain, brisk


def _judged(pair: _Pair, side: str, program: Program, name: str, strategy: Strategy) -> None:
    pair.schedules += 1
    history, tape = getattr(pair, side).run(program, strategy)
    for check, violation in _violations(history):
        pair.broken.setdefault((side, check, violation.cause), (name, program, tape))


def _violations(history: History) -> list[tuple[str, Violation]]:
    """One violation of each check and cause."""
    found: dict[tuple[str, str], Violation] = {}
    for check, judge in CHECKS.items():
        for violation in judge(history).violations:
            if violation.cause != "frames were sent":
                found.setdefault((check, violation.cause), violation)
    return [(check, violation) for (check, _), violation in found.items()]


def _growth(pair: _Pair) -> None:
    """Whether one keeps something for each user who has gone, or each event, and the other does not."""
    for side in ("old", "new"):
        examination: Examination = getattr(pair, side)
        for programs in (departures, passing_events):
            for counts in (COUNTS, (MANY // 16, MANY // 4, MANY)):
                history, tape = examination.run(programs(counts), Plain())
                grown = next((v for v in CHECKS["cleanup"](history).violations if v.cause.startswith("growth")), None)
                if grown is None:
                    break
                if counts != COUNTS:
                    pair.broken.setdefault((side, "cleanup", grown.cause), ("plain", programs(COUNTS), tape))


def _smallest(pair: _Pair, family: Class, latest: float) -> tuple[Difference, set[Class]] | None:
    """The difference with its smallest program, and the families of all others seen there; None where a schedule
    explains it. What shows only together with a graver difference follows from it."""
    class_, program, brisk = pair.found[family]

    def play(candidate: Program, choices: tuple[int, ...]) -> tuple[bool, tuple[int, ...]]:
        if choices or time.monotonic() > latest:
            return False, ()
        return class_ in pair.classes(sequenced(candidate), brisk).values(), ()

    program = sequenced(shrink(program, (), play, 2_000)[0])
    classes = pair.classes(program, brisk)
    mine = (key for key, other in classes.items() if other == class_)
    key = next((key for key in mine if _unexplained(pair, program, key, brisk)), None)
    if key is None:
        return None
    difference = _told(pair, class_, program, "brisk" if brisk else "settled", (), key)
    also = tuple(sorted(pair.situations[family] - {class_[1]}))
    others = {_family(other) for other in classes.values()} - {family}
    return msgspec.structs.replace(difference, also=also), others


def _once(told: list[Difference]) -> list[Difference]:
    """What befalls a user with one healthy connection befalls others too: the same in other situations is no other."""
    plain = {(d.kind, d.old, d.new): d for d in told if d.situation == PLAINEST}
    others: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    kept = []
    for difference in told:
        key = (difference.kind, difference.old, difference.new)
        if plain.get(key, difference) is difference:
            kept.append(difference)
        else:
            others[key] += (difference.situation, *difference.also)
    return [
        msgspec.structs.replace(d, also=tuple(dict.fromkeys((*d.also, *others[d.kind, d.old, d.new]))))
        if d.situation == PLAINEST
        else d
        for d in kept
    ]


def _unexplained(pair: _Pair, program: Program, key: Key, brisk: bool) -> bool:
    """Whether what OLD shows in many orders of the answers and what NEW shows have nothing in common."""
    values: tuple[set[str], set[str]] = (set(), set())
    for number in range(EXPLAIN):
        for shown, played in zip(values, pair.play(program, brisk, number), strict=True):
            fact = played.get(key)
            if fact is not None:
                shown.add(fact.value)
        if values[0] & values[1]:
            return False
    return bool(values[0]) and bool(values[1])


def _nth(number: int) -> Strategy:
    source = random.Random(number)
    if number < 2:
        return Settled() if number else Plain()
    return (RandomWalk(source), PCT(source, 2), POS(source), PCT(source, 3))[number % 4]


def _strategy(mode: str, tape: tuple[int, ...]) -> Strategy:
    return Replay(tape) if mode == "replay" else Settled(brisk=mode == "brisk")


def _told(
    pair: _Pair, class_: Class, program: Program, mode: str, tape: tuple[int, ...], key: Key | None = None
) -> Difference:
    """The difference of that class; `key` is the fact that differs, None where it is a guarantee."""
    first_seen, first = witnessed(pair.old, program, _strategy(mode, tape))
    second_seen, second = witnessed(pair.new, program, _strategy(mode, tape))
    scenes = [
        _scene(history, witness, class_, key) for history, witness in ((first, first_seen), (second, second_seen))
    ]
    kind, situation, old, new = class_
    target = f"{pair.old.target}\n{pair.new.target}"
    names, promised = names_of_both(pair.old, pair.new), pair.old.declared.unusual()
    token = write(Counterexample(target, kind, situation, mode, program, tape, names, promised))
    return Difference(
        kind,
        situation,
        old,
        new,
        _breaks(first),
        _breaks(second),
        program.users,
        program.steps,
        side_by_side(first, second, _headings(pair.old, pair.new)),
        token,
        old_scene=scenes[0],
        new_scene=scenes[1],
    )


def _scene(history: History, witness: Witness, class_: Class, key: Key | None) -> Scene:
    """What happened on one side, with the moment marked that differs, or that breaks the guarantee there."""
    if key is None:
        return scene_of(history, next(iter(CHECKS[class_[1]](history).violations), None), witness.places)
    scene = scene_of(history, None, witness.places)
    return scene if scene.left_out else msgspec.structs.replace(scene, culprit=moment(history, key))


def _breaks(history: History) -> tuple[str, ...]:
    return tuple(f"{check}: {violation.message}" for check, violation in _violations(history))


def _headings(old: Examination, new: Examination) -> tuple[str, str]:
    return f"OLD {old.target.rpartition('/')[2]}", f"NEW {new.target.rpartition('/')[2]}"


def _known(cause: str) -> str:
    """A cause without the place in the source, which two implementations never share."""
    kind, _, rest = cause.partition(" ")
    return f"{kind} {rest.partition(' ')[0]}" if kind in ("publish", "connect", "disconnect") else cause


def _guarantees(pair: _Pair, told: list[Difference], latest: float, notes: list[str]) -> list[Difference]:
    """What one of them breaks and the other keeps; what both break is only noted."""
    found: list[Difference] = []
    kinds: set[tuple[str, str, str]] = {(side, check, _known(cause)) for side, check, cause in pair.broken}
    covered = {
        (side, text.partition(":")[0]) for d in told for side in ("old", "new") for text in getattr(d, f"{side}_breaks")
    }
    both = {check for _, check, _ in kinds if {s for s, c, _ in kinds if c == check} == {"old", "new"}}
    rank = list(CHECKS)
    for (side, check, cause), (name, program, tape) in sorted(pair.broken.items(), key=lambda b: rank.index(b[0][1])):
        other = "new" if side == "old" else "old"
        if (other, check, _known(cause)) in kinds or (check in both and check != "crash"):
            notes.append(f"both break {check}")
            continue
        if (side, check) in covered or any(d.situation == check and d.old_breaks == () for d in found):
            continue
        difference = _guarantee(pair, side, check, cause, name, program, tape, latest)
        if difference is None:
            continue
        broken = {text.partition(":")[0] for text in getattr(difference, f"{side}_breaks")} - {check}
        if any((side, earlier) in covered or earlier in both for earlier in broken):
            notes.append(f"{side.upper()} also breaks {check}, where it breaks {', '.join(sorted(broken))}")
            continue
        found.append(difference)
        covered.add((side, check))
    return found


def _guarantee(
    pair: _Pair, side: str, check: str, cause: str, name: str, program: Program, tape: tuple[int, ...], latest: float
) -> Difference | None:
    examination: Examination = getattr(pair, side)
    other: Examination = pair.new if side == "old" else pair.old
    growth = cause.startswith("growth")
    if not growth:
        smaller = violation_of(examination, check, cause, name, program, tape, min(latest, time.monotonic() + 4.0))
        if smaller is None:
            return None
        example = read(smaller.replay)
        found, program, tape = program, example.program, example.tape
        for tried in dict.fromkeys((program, mirrored(program), found)):
            for number in range(KEEPS):
                history, _ = other.run(tried, _nth(number))
                pair.schedules += 1
                if any(_known(v.cause) == _known(cause) for v in CHECKS[check](history).violations):
                    return None
    words = BROKEN[side]
    difference = _told(pair, ("guarantee", check, *words), program, "replay", tape)
    return _without_scenes(difference, side, cause) if growth else difference


def _without_scenes(difference: Difference, side: str, cause: str) -> Difference:
    """Of memory that grows thousands of like steps say nothing."""
    message = f"cleanup: memory grows with every {cause.partition('growth per ')[2]}"
    return msgspec.structs.replace(
        difference, timeline="", old_scene=None, new_scene=None, **{f"{side}_breaks": (message,)}
    )


def mirrored(program: Program) -> Program:
    """`program` where what befalls one device of a user befalls another one: which of two is served first is free."""
    mine: dict[int, list[int]] = defaultdict(list)
    for device, user in enumerate(program.devices):
        mine[user].append(device)
    place = {one: other for devices in mine.values() for one, other in zip(devices, reversed(devices), strict=True)}

    def turned(step: AnyStep) -> AnyStep:
        match step:
            case Disconnect(device) | Stall(device) | Drop(device):
                return msgspec.structs.replace(step, device=place[device])
            case Connect(device, reuse) if reuse >= 0:
                return Connect(device, place[reuse])
        return step

    tracks = tuple(tuple(map(turned, track)) for track in program.tracks)
    return msgspec.structs.replace(program, tracks=tracks)


def _timers(examination: Examination) -> list[float]:
    return sorted(delay for delay in examination.delays if delay > 0 and delay not in (*WAITS, 3_600.0))


def _parity(pair: _Pair) -> list[str]:
    """What their configuration shows of itself: the timers each sets."""
    one, other = pair.timers
    return [f"timers set: OLD {_seconds(one)}; NEW {_seconds(other)}"] if one != other else []


def _seconds(delays: list[float]) -> str:
    return (", ".join(f"{delay:g} s" for delay in delays[:6]) + ", ..." * (len(delays) > 6)) or "none"


def replay(old: Examination, new: Examination, token: str) -> tuple[str, bool]:
    """The side-by-side timeline of a difference's token, and whether the two still differ there."""
    example = read(token)
    mode, tape = example.strategy, example.tape
    old, new = _with_snapshots(old), _with_snapshots(new)
    first, second = (side.run(example.program, _strategy(mode, tape))[0] for side in (old, new))
    if example.check == "guarantee":
        check: Any = CHECKS[example.cause]
        differ = bool(check(first).violations) != bool(check(second).violations)
    else:
        differ = any(
            d[0] == example.check
            for d in differences(*(facts(h, brisk=mode == "brisk") for h in (first, second))).values()
        )
    return side_by_side(first, second, _headings(old, new)), differ


def told(old: Examination, new: Examination, token: str) -> Difference | None:
    """The difference of a token, played again; None where the two don't differ there any more. Raises ValueError."""
    example = read(token)
    kind, situation, program, mode = example.check, example.cause, example.program, example.strategy
    pair = _paired(old, new, frozenset())
    if kind != "guarantee":
        classes = pair.classes(program, mode == "brisk").items()
        key, class_ = next(((k, c) for k, c in classes if c[:2] == (kind, situation)), (None, None))
        return None if class_ is None else _told(pair, class_, program, mode, example.tape, key)
    if situation not in CHECKS:
        raise ValueError("this crosstalk token is damaged: copy it again, whole")
    broken = {
        side: CHECKS[situation](examination.run(program, _strategy(mode, example.tape))[0]).violations
        for side, examination in (("old", pair.old), ("new", pair.new))
    }
    if bool(broken["old"]) == bool(broken["new"]):
        return None
    side = "old" if broken["old"] else "new"
    difference = _told(pair, (kind, situation, *BROKEN[side]), program, mode, example.tape)
    cause = broken[side][0].cause
    return _without_scenes(difference, side, cause) if cause.startswith("growth") else difference
