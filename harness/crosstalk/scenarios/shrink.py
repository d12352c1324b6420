"""Makes a failing run small: fewer tracks, steps, users and devices, plainer steps, and a tape nearer to plain order.

Greedy passes until none helps or the allowance of runs is used up. Each candidate is played; `breaks` returns the tape
as it was played when the violation is still there, else None. A candidate program is tried with plain order and with
the tape as it is, for a step less often shifts the choices after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from crosstalk.scenarios.program import (
    AnyStep,
    Burst,
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
PLAIN = ("alice", "bob", "carol", "dave", "erin", "frank")


def strip(tape: Tape) -> Tape:
    """The tape without its trailing zeros, which plain order supplies."""
    end = len(tape)
    while end and tape[end - 1] == 0:
        end -= 1
    return tape[:end]


def shrink(
    program: Program,
    tape: Tape,
    breaks: Callable[[Program, Tape], Tape | None],
    allowance: int = 2_000,
) -> tuple[Program, Tape]:
    """The smallest failing program and tape reached within `allowance` runs."""
    tape = strip(tape)
    left = allowance

    def fails(candidate: Program, choices: Tape) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and breaks(candidate, choices) is not None

    improved = True
    while improved and left > 0:
        improved = False
        for candidate in _smaller(program):
            if fails(candidate, ()):
                program, tape, improved = candidate, (), True
            elif tape and fails(candidate, tape):
                program, improved = candidate, True
            if improved or left <= 0:
                break
        if improved:
            continue
        for shorter in _plainer(tape):
            if fails(program, shorter):
                tape, improved = strip(shorter), True
                break
            if left <= 0:
                break
        if improved or not tape:
            continue
        # a step less that shifts the choices after it: try the tape without one choice
        for candidate in _without_a_step(program):
            for start in range(len(tape)):
                if fails(candidate, tape[:start] + tape[start + 1 :]):
                    program, tape, improved = candidate, strip(tape[:start] + tape[start + 1 :]), True
                    break
            if improved or left <= 0:
                break
    return program, tape


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
        if len(users) > 2 and gone not in devices and not any(gone in _users(step) for step in steps):
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
