"""Programs in words: one sentence a step, for reports."""

from __future__ import annotations

from crosstalk.scenarios.program import (
    AnyStep,
    Burst,
    Cancel,
    Census,
    Collect,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Twin,
    Wait,
)


def device(program: Program, number: int) -> str:
    """As histories call it: the user's id, and the number of the device."""
    return f"{program.users[program.devices[number]]}/{number}"


def step_words(program: Program, step: AnyStep) -> str:
    users = program.users
    match step:
        case Connect(number, reuse):
            again = f", on the socket that was {device(program, reuse)}'s" if reuse >= 0 else ""
            return f"{device(program, number)} connects{again}"
        case Disconnect(number, gone, cancelled):
            before = ", its peer gone before the call" if gone else ""
            return (
                f"{device(program, number)} disconnects{before}{', which is cancelled half-way' if cancelled else ''}"
            )
        case Publish(user, run, type_, mutate):
            of_run = f" of run {run}" if run else ""
            changed = ", and the publisher changes its object afterwards" if mutate else ""
            return f"{type_}{of_run} for {users[user]} is published{changed}"
        case Burst(addressed):
            return f"an event each for {', '.join(users[user] for user in addressed)} is published at the same time"
        case Twin(first, second):
            return f"one identical payload for {users[first]} and for {users[second]} is published at the same time"
        case Stall(number):
            return f"{device(program, number)} stalls: its sends stay unanswered until the end"
        case Drop(number):
            return f"the peer of {device(program, number)} vanishes, and nobody has told the broadcaster"
        case Cancel(track):
            return f"the caller of track {track + 1} gives up: its call is cancelled where it stands"
        case Wait(seconds):
            return f"{seconds:g} s pass"
        case Collect():
            return "garbage is collected"
        case Census():
            return "what is reachable from the broadcaster is counted"


def program_lines(program: Program, most: int = 60) -> tuple[str, ...]:
    """One line a step, each track after its heading; at most about `most`, and the rest is counted."""
    lines: list[str] = []
    if program.prompt:
        names = ", ".join(device(program, number) for number in program.prompt)
        lines.append(f"sends on {names} complete at once")
    for number, steps in enumerate(program.tracks):
        if len(program.tracks) > 1:
            lines.append(f"track {number + 1}:")
        margin = "  " if len(program.tracks) > 1 else ""
        lines += [f"{margin}{step_words(program, step)}" for step in steps]
    if len(lines) > most:
        lines = [*lines[:most], f"  ... and {len(lines) - most} more lines"]
    return tuple(lines)
