"""Makes a failing run small: fewer tracks, steps, users and devices, and a tape nearer to plain order.

Greedy passes until none helps or the allowance of runs is used up. Each candidate is played; `breaks` returns the tape
as it was played when the violation is still there, else None. A candidate program is tried with the tape as it is and
with plain order, for a step less often shifts the choices after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crosstalk.scenarios.program import (
    AnyStep,
    Cancel,
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
    """Drop the last user or the last device, when no step names it."""
    users, devices, tracks = program.users, program.devices, program.tracks
    steps = [step for track in tracks for step in track]
    last = len(devices) - 1
    if last >= 0 and not any(_names_device(step, last) for step in steps):
        yield Program(users, devices[:-1], tracks)
    gone = len(users) - 1
    if len(users) > 2 and gone not in devices and not any(_names_user(step, gone) for step in steps):
        yield Program(users[:-1], devices, tracks)


def _names_device(step: AnyStep, device: int) -> bool:
    match step:
        case Connect(own, reuse):
            return device in (own, reuse)
        case Disconnect() | Stall() | Drop():
            return step.device == device
    return False


def _names_user(step: AnyStep, user: int) -> bool:
    match step:
        case Publish():
            return step.user == user
        case Twin(first, second):
            return user in (first, second)
        case Cancel():
            return False
    return False
