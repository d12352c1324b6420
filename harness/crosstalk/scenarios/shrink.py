"""Makes a failing run small: fewer steps, tracks, users and devices, plainer steps, and a tape nearer to plain order.

Greedy passes come first: a candidate program is played in plain order and with the tape as it is. Where they end, a
step may be left that only gives another one time; so each program with one or two steps less is also played under
every schedule with a single deviation from plain order, and under the tape with a choice more or less.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, pairwise, permutations, product

import msgspec

from crosstalk.scenarios.program import (
    AnyStep,
    Burst,
    Cancel,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Twin,
    Wait,
)

Tape = tuple[int, ...]
Tracks = tuple[tuple[AnyStep, ...], ...]
FEW = 8
"""Programs of at most so many steps are also tried without two of them at once, and rearranged."""
DECISIONS = 48
"""A single deviation is looked for at so many decisions, from the start."""
PLAIN = ("alice", "bob", "carol", "dave", "erin", "frank")


class Enough(Exception):
    """No more runs may be played: there are none left, or no time."""


LONG = 1_000
"""Of tapes longer than this it is not remembered that they were tried."""


def strip(tape: Tape) -> Tape:
    """The tape without its trailing zeros, which plain order supplies."""
    end = len(tape)
    while end and tape[end - 1] == 0:
        end -= 1
    return tape[:end]


def shrink(
    program: Program,
    tape: Tape,
    play: Callable[[Program, Tape], tuple[bool, Tape]],
    allowance: int = 8_000,
) -> tuple[Program, Tape]:
    """The smallest failing program and tape reached within `allowance` runs.

    `play` says whether the violation is there in a run, and the run's tape as it was played; it may raise Enough.
    """
    shrinker = _Shrinker(program, strip(tape), play, allowance)
    with contextlib.suppress(Enough):
        shrinker.greedy()
        while shrinker.reschedule():
            shrinker.greedy()
    return shrinker.program, shrinker.tape


class _Shrinker:
    """The smallest failing run so far."""

    def __init__(
        self, program: Program, tape: Tape, play: Callable[[Program, Tape], tuple[bool, Tape]], left: int
    ) -> None:
        self.program = program
        self.tape = tape
        self.play = play
        self.left = left
        self.tried: dict[tuple[Program, Tape], Tape] = {}

    def fails(self, program: Program, choices: Tape) -> bool:
        """Whether the run fails; if so it is the smallest so far. A run is played once."""
        choices = strip(choices)
        if (program, choices) in self.tried:
            return False
        if self.left <= 0:
            raise Enough
        self.left -= 1
        failed, played = self.play(program, choices)
        if len(choices) <= LONG:
            self.tried[program, choices] = played
        if failed:
            self.program, self.tape = program, choices
        return failed

    def greedy(self) -> None:
        """Smaller programs with the schedule as it is, and plainer schedules, until none of them fails."""
        while self.left > 0:
            program, tape = self.program, self.tape
            found = any(
                self.fails(candidate, ()) or (bool(tape) and self.fails(candidate, tape))
                for candidate in _smaller(program)
            )
            found = found or any(self.fails(program, shorter) for shorter in _plainer(tape))
            # a step less shifts the choices after it: try the tape without one choice
            found = found or any(
                self.fails(candidate, tape[:start] + tape[start + 1 :])
                for candidate in _without_a_step(program)
                for start in range(len(tape))
            )
            if not found:
                return

    def reschedule(self) -> bool:
        """Whether a program with fewer steps, or this one with fewer deviations, fails under another schedule."""
        program, tape = self.program, self.tape
        fewer = (
            (candidate, tape[:start] + middle + tape[start:])
            for candidate in _without_a_step(program)
            for start in range(len(tape) + 1)
            for middle in ((0,), (1,))
        )
        if any(self.fails(*candidate) for candidate in fewer):
            return True
        if any(self.fails(candidate, ()) for left in _only_dropped(program) for candidate in _without_a_step(left)):
            return True
        if any(self.deviates(candidate) for candidate in _without_a_step(program)):
            return True
        if program.steps <= FEW and any(
            self.fails(candidate, ()) or self.deviates(candidate)
            for first in _without_a_step(program)
            for candidate in _without_a_step(first)
        ):
            return True
        deviations = sum(choice != 0 for choice in tape)
        if deviations > 1 and self.deviates(program, deviations - 1):
            return True
        if program.steps <= FEW and (
            any(self.fails(candidate, ()) for candidate in _rearranged(program, range(2, min(program.steps, 5))))
            or any(self.deviates(candidate, 3) for candidate in _without_a_step(program))
        ):
            return True
        return (
            bool(deviations)
            and program.steps <= 4
            and any(
                self.fails(candidate, ()) or (deviations > 1 and self.deviates(candidate))
                for candidate in _rearranged(program, (program.steps,))
            )
        )

    def deviates(self, program: Program, most: int = 1) -> bool:
        """Whether the program fails under some schedule with one deviation from plain order, or `most` in a row."""
        return any(self._deviates(program, (0,) * place, min(most, 3)) for place in range(DECISIONS))

    def _deviates(self, program: Program, before: Tape, most: int) -> bool:
        choice = 1
        while self.left > 0:
            choices = (*before, choice)
            if self.fails(program, choices):
                return True
            played = self.tried.get((program, choices), ())
            if len(before) >= len(played) or played[len(before)] != choice:
                break  # so many ways there are at this place, or the run is over by then
            if most > 1 and self._deviates(program, choices, most - 1):
                return True
            choice += 1
        return False


def _with(program: Program, tracks: Tracks) -> Program:
    return Program(program.users, program.devices, tuple(track for track in tracks if track), program.prompt)


def _smaller(program: Program) -> Iterator[Program]:
    tracks = program.tracks
    for number in range(len(tracks)):
        if len(tracks) > 1:
            yield _with(program, tracks[:number] + tracks[number + 1 :])
    longest = max((len(track) for track in tracks), default=0)
    size = longest // 2
    while size > 1:
        for number, steps in enumerate(tracks):
            for start in range(0, len(steps), size):
                rest = steps[:start] + steps[start + size :]
                if len(rest) < len(steps):
                    yield _with(program, (*tracks[:number], rest, *tracks[number + 1 :]))
        size //= 2
    yield from _without_a_step(program)
    yield from _fused(program)
    if program.steps <= FEW:
        yield from _fused_across(program)
    for number in range(len(tracks) - 1):
        merged = tracks[number] + tracks[number + 1]
        yield _with(program, (*tracks[:number], merged, *tracks[number + 2 :]))
    yield from _without_user(program)
    yield from _plain_steps(program)


def _without_a_step(program: Program) -> Iterator[Program]:
    tracks = program.tracks
    for number, steps in enumerate(tracks):
        for start in range(len(steps)):
            rest = steps[:start] + steps[start + 1 :]
            yield _with(program, (*tracks[:number], rest, *tracks[number + 1 :]))


def _only_dropped(program: Program) -> Iterator[Program]:
    """A peer that is gone, and nobody tells the broadcaster: what it sends later finds that out. Also one by one."""
    for number, steps in enumerate(program.tracks):
        for place, step in enumerate(steps):
            if isinstance(step, Disconnect) and step.gone:
                dropped = (*steps[:place], Drop(step.device), *steps[place + 1 :])
                tracks = (*program.tracks[:number], dropped, *program.tracks[number + 1 :])
                yield _with(program, tracks)
                yield _with(program, (tuple(step for track in tracks for step in track),))


def _fused(program: Program) -> Iterator[Program]:
    """With three or more publishes of a track as one burst."""
    for number, steps in enumerate(program.tracks):
        places = [i for i, step in enumerate(steps) if isinstance(step, Publish) and step.type == "partial_result"]
        if len(places) > 2:
            users = tuple(user for i in places for user in _users(steps[i]))
            rest = [step for i, step in enumerate(steps) if i not in places[1:]]
            rest[places[0]] = Burst(users)
            yield _with(program, (*program.tracks[:number], tuple(rest), *program.tracks[number + 1 :]))


def _fused_across(program: Program) -> Iterator[Program]:
    """With two publishes of different tracks as one burst, in the place of either."""
    tracks = program.tracks
    places = [(n, i) for n, steps in enumerate(tracks) for i, step in enumerate(steps) if _plain_publish(step)]
    for first, second in permutations(places, 2):
        if first[0] != second[0]:
            users = _users(tracks[first[0]][first[1]]) + _users(tracks[second[0]][second[1]])
            changed = [list(steps) for steps in tracks]
            changed[first[0]][first[1]] = Burst(users)
            del changed[second[0]][second[1]]
            yield _with(program, tuple(map(tuple, changed)))


def _plain_publish(step: AnyStep) -> bool:
    return isinstance(step, Burst) or (isinstance(step, Publish) and step.type == "partial_result" and not step.run)


def _rearranged(program: Program, sizes: Iterable[int]) -> Iterator[Program]:
    """So many of its steps, in every order, divided among tracks in every way; what is cancelled changes with it."""
    steps = [step for track in program.tracks for step in track]
    for size in sizes:
        for chosen in combinations(steps, size):
            for order in permutations(chosen):
                for cuts in product((False, True), repeat=size - 1):
                    ends = [place for place, cut in enumerate(cuts, 1) if cut]
                    tracks = tuple(order[start:end] for start, end in pairwise((0, *ends, size)))
                    if any(isinstance(step, Cancel) for step in order):
                        for other in range(len(tracks)):
                            yield _with(program, tuple(tuple(_cancelling(s, other) for s in t) for t in tracks))
                    else:
                        yield _with(program, tracks)


def _cancelling(step: AnyStep, track: int) -> AnyStep:
    return Cancel(track) if isinstance(step, Cancel) else step


def _plain_steps(program: Program) -> Iterator[Program]:
    """The same steps without what makes them special."""
    if program.prompt:
        yield Program(program.users, program.devices, program.tracks)
        for gone in program.prompt:
            rest = tuple(device for device in program.prompt if device != gone)
            yield Program(program.users, program.devices, program.tracks, rest)
    plain = PLAIN[: len(program.users)]
    if program.users != plain and len(plain) == len(program.users):
        yield Program(plain, program.devices, program.tracks, program.prompt)
        for number, (user, name) in enumerate(zip(program.users, plain, strict=True)):
            if user not in PLAIN and name not in program.users:
                users = (*program.users[:number], name, *program.users[number + 1 :])
                yield Program(users, program.devices, program.tracks, program.prompt)
    tracks = program.tracks
    for number, steps in enumerate(tracks):
        for index, step in enumerate(steps):
            for plainer in _plainer_step(step):
                changed = (*steps[:index], *plainer, *steps[index + 1 :])
                yield _with(program, (*tracks[:number], changed, *tracks[number + 1 :]))


def _plainer_step(step: AnyStep) -> Iterator[tuple[AnyStep, ...]]:
    match step:
        case Burst(users):
            if len(users) > 2:
                for gone in range(len(users)):
                    yield (Burst(users[:gone] + users[gone + 1 :]),)
            elif len(users) == 1:
                yield (Publish(users[0]),)
            else:
                yield tuple(Publish(user) for user in users)
        case Twin(first, second):
            yield (Publish(first),)
            yield (Publish(second),)
        case Publish(user, run, type_, mutate):
            if mutate:
                yield (Publish(user, run, type_),)
            if run or type_ != "partial_result":
                yield (Publish(user, mutate=mutate),)
        case Connect(device, reuse) if reuse >= 0:
            yield (Connect(device),)
        case Disconnect(device, True):
            yield (Disconnect(device),)
        case Wait(seconds) if seconds > 1.0:
            yield (Wait(1.0),)


def _plainer(tape: Tape) -> Iterator[Tape]:
    size = len(tape)
    while size:
        for start in range(0, len(tape), size):
            block = tape[start : start + size]
            if any(block):
                yield tape[:start] + (0,) * len(block) + tape[start + size :]
                yield tape[:start] + tape[start + size :]
        size //= 2
    for index, choice in enumerate(tape):
        if choice > 1:
            yield (*tape[:index], 1, *tape[index + 1 :])


def _without_user(program: Program) -> Iterator[Program]:
    """Without one device that no step names, or one user who has neither device nor step; the rest renumbered."""
    users, devices, tracks = program.users, program.devices, program.tracks
    steps = [step for track in tracks for step in track]
    for gone in range(len(devices)):
        if not any(gone in _devices(step) for step in steps):
            prompt = tuple(device - (device > gone) for device in program.prompt if device != gone)
            yield Program(users, devices[:gone] + devices[gone + 1 :], _renumbered(tracks, "device", gone), prompt)
    for gone in range(len(users)):
        if len(users) > 1 and gone not in devices and not any(gone in _users(step) for step in steps):
            owners = tuple(owner - (owner > gone) for owner in devices)
            left = users[:gone] + users[gone + 1 :]
            yield Program(left, owners, _renumbered(tracks, "user", gone), program.prompt)


def _devices(step: AnyStep) -> tuple[int, ...]:
    match step:
        case Connect(device, reuse):
            return (device, reuse)
        case Disconnect() | Stall() | Drop():
            return (step.device,)
    return ()


def _users(step: AnyStep) -> tuple[int, ...]:
    match step:
        case Publish():
            return (step.user,)
        case Twin(first, second):
            return (first, second)
        case Burst(users):
            return users
    return ()


_FIELDS = {"device": ("device", "reuse"), "user": ("user", "first", "second")}


def _renumbered(tracks: Tracks, what: str, gone: int) -> Tracks:
    """The tracks with each number of `what` above `gone` lowered by one."""

    def lowered(step: AnyStep) -> AnyStep:
        if what == "user" and isinstance(step, Burst):
            return Burst(tuple(user - (user > gone) for user in step.users))
        changes = {
            name: getattr(step, name) - 1
            for name in _FIELDS[what]
            if hasattr(step, name) and getattr(step, name) > gone
        }
        return msgspec.structs.replace(step, **changes) if changes else step

    return tuple(tuple(lowered(step) for step in track) for track in tracks)
