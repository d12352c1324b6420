"""Makes a failing run small: fewer tracks, steps, users and devices, and a tape nearer to plain order.

Greedy passes until none helps or the allowance of runs is used up. Each candidate is played; `breaks` returns the tape
as it was played when the violation is still there, else None. A candidate program is tried with the tape as it is and
with plain order, for a step less often shifts the choices after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from crosstalk.scenarios.program import (
    AnyStep,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Twin,
)

Tape = tuple[int, ...]


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
    allowance: int = 1_500,
) -> tuple[Program, Tape]:
    """The smallest failing program and tape reached within `allowance` runs."""
    tape = strip(tape)
    left = allowance
    improved = True
    while improved and left > 0:
        improved = False
        for candidate in _smaller(program):
            for choices in ((), tape) if tape else ((),):
                left -= 1
                if breaks(candidate, choices) is not None:
                    program, tape = candidate, choices
                    improved = True
                    break
            if improved or left <= 0:
                break
        if improved:
            continue
        for shorter in _plainer(tape):
            left -= 1
            if breaks(program, shorter) is not None:
                tape = strip(shorter)
                improved = True
                break
            if left <= 0:
                break
    return program, tape


def _smaller(program: Program) -> Iterator[Program]:
    tracks = program.tracks
    for number in range(len(tracks)):
        if len(tracks) > 1:
            yield Program(program.users, program.devices, tracks[:number] + tracks[number + 1 :])
    for number, steps in enumerate(tracks):
        for start in range(len(steps)):
            for size in (4, 1):
                if size == 1 or len(steps) > size:
                    rest = steps[:start] + steps[start + size :]
                    yield Program(
                        program.users,
                        program.devices,
                        (*tracks[:number], *((rest,) if rest else ()), *tracks[number + 1 :]),
                    )
    if len(tracks) > 1:
        for number in range(len(tracks) - 1):
            merged = tracks[number] + tracks[number + 1]
            yield Program(program.users, program.devices, (*tracks[:number], merged, *tracks[number + 2 :]))
    yield from _without_user(program)


def _plainer(tape: Tape) -> Iterator[Tape]:
    size = len(tape)
    while size:
        for start in range(0, len(tape), size):
            block = tape[start : start + size]
            if any(block):
                yield tape[:start] + (0,) * len(block) + tape[start + size :]
                yield tape[:start] + tape[start + size :]
        size //= 2


def _without_user(program: Program) -> Iterator[Program]:
    """Without one device that no step names, or one user who has neither device nor step; the rest renumbered."""
    users, devices, tracks = program.users, program.devices, program.tracks
    steps = [step for track in tracks for step in track]
    for gone in range(len(devices)):
        if not any(gone in _devices(step) for step in steps):
            yield Program(users, devices[:gone] + devices[gone + 1 :], _renumbered(tracks, "device", gone))
    for gone in range(len(users)):
        if len(users) > 2 and gone not in devices and not any(gone in _users(step) for step in steps):
            owners = tuple(owner - (owner > gone) for owner in devices)
            yield Program(users[:gone] + users[gone + 1 :], owners, _renumbered(tracks, "user", gone))


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
    return ()


_FIELDS = {"device": ("device", "reuse"), "user": ("user", "first", "second")}


def _renumbered(tracks: tuple[tuple[AnyStep, ...], ...], what: str, gone: int) -> tuple[tuple[AnyStep, ...], ...]:
    """The tracks with each number of `what` above `gone` lowered by one."""

    def lowered(step: AnyStep) -> AnyStep:
        changes = {
            name: getattr(step, name) - 1
            for name in _FIELDS[what]
            if hasattr(step, name) and getattr(step, name) > gone
        }
        return msgspec.structs.replace(step, **changes) if changes else step

    return tuple(tuple(lowered(step) for step in track) for track in tracks)
