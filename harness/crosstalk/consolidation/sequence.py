"""From a program to the same steps without races: one track a user, so that each event has a name of its own.

Two broadcasters are compared step by step, which needs a name for each step that no schedule changes. In a sequenced
program all steps about a user lie in one track, bursts are taken apart and nothing is cancelled: the third event of
alice is the third in every run, whatever broadcaster plays it.
"""

from __future__ import annotations

from itertools import zip_longest

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


def sequenced(program: Program) -> Program:
    """`program` with one track a user; steps of different tracks take turns. Sequencing twice changes nothing more."""
    tracks: dict[int, list[AnyStep]] = {}
    for steps in zip_longest(*program.tracks):
        for step in steps:
            for user, plain in _of_users(step, program.devices):
                tracks.setdefault(user, []).append(plain)
    ordered = tuple(tuple(tracks[user]) for user in sorted(tracks))
    return Program(program.users, program.devices, ordered, program.prompt)


def _of_users(step: AnyStep | None, devices: tuple[int, ...]) -> list[tuple[int, AnyStep]]:
    match step:
        case Connect(device) | Disconnect(device) | Stall(device) | Drop(device):
            return [(devices[device], step)]
        case Publish(user):
            return [(user, step)]
        case Burst(users):
            return [(user, Publish(user)) for user in users]
        case Twin(first, second):
            return [(user, Publish(user)) for user in dict.fromkeys((first, second))]
        case Wait():
            return [(devices[0] if devices else 0, step)]
    return []
