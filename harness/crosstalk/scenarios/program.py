"""Programs: what simulated users do, as frozen values made of concurrent tracks of steps.

A program knows nothing of schedules: each step is an arrival that the schedule lets happen when it likes, in order
within its track. Programs are decoded from random bytes, the *genome*, without any library in between, since a run
costs less than a structured draw would.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from crosstalk.model.identity import ID_FAMILIES, identities


class Step(msgspec.Struct, frozen=True, tag_field="step", array_like=True):
    """One thing that happens. Devices and users are numbers into the program's tuples."""


class Connect(Step, frozen=True, tag="connect", array_like=True):
    """The device's user opens a connection; `reuse` >= 0 does so on the last socket object of that device."""

    device: int
    reuse: int = -1


class Disconnect(Step, frozen=True, tag="disconnect", array_like=True):
    """The connection ends; with `gone` the peer vanishes first, so that sends raise before the call is made."""

    device: int
    gone: bool = False


class Publish(Step, frozen=True, tag="publish", array_like=True):
    """An event of `type` in run `run` for `user`; with `mutate` the publisher changes its object afterwards."""

    user: int
    run: int = 0
    type: str = "partial_result"
    mutate: bool = False


class Twin(Step, frozen=True, tag="twin", array_like=True):
    """Two identical payloads for two users, published at the same time."""

    first: int
    second: int


class Stall(Step, frozen=True, tag="stall", array_like=True):
    """From now on sends on the device's socket do not complete until the world is healed."""

    device: int


class Drop(Step, frozen=True, tag="drop", array_like=True):
    """The peer vanishes: sends on the device's socket raise, and nobody has told the broadcaster yet."""

    device: int


class Cancel(Step, frozen=True, tag="cancel", array_like=True):
    """Whatever call track `track` is waiting for is cancelled at the await where it stands."""

    track: int


class Wait(Step, frozen=True, tag="wait", array_like=True):
    """The track does nothing for `seconds` of virtual time."""

    seconds: float


AnyStep = Connect | Disconnect | Publish | Twin | Stall | Drop | Cancel | Wait


class Program(msgspec.Struct, frozen=True, array_like=True):
    """`devices[d]` is the user number that device d belongs to; tracks run at the same time."""

    users: tuple[str, ...]
    devices: tuple[int, ...]
    tracks: tuple[tuple[AnyStep, ...], ...]

    @property
    def steps(self) -> int:
        return sum(len(track) for track in self.tracks)


GOLDEN_RUNS: tuple[tuple[str, ...], ...] = (
    ("agent_started", "agent_thinking", "agent_completed"),
    ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"),
)
_FAMILIES = tuple(ID_FAMILIES)


def golden_run(user: int, run: int, tools: int = 1) -> tuple[Publish, ...]:
    """The publishes of one agent run, in Golden Path order."""
    return tuple(Publish(user, run, type_) for type_ in GOLDEN_RUNS[min(tools, 1)])


class _Bytes:
    """Reads small choices off a genome; beyond its end every choice is 0."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def below(self, count: int) -> int:
        if self.position >= len(self.data):
            return 0
        value = self.data[self.position]
        self.position += 1
        return value % count


def decode(genome: bytes) -> Program:
    """The program that `genome` (some 64 bytes) stands for; every byte string stands for one."""
    take = _Bytes(genome).below
    count = 2 + take(3) % 3
    family = _FAMILIES[take(len(_FAMILIES))] if take(6) == 5 else "plain"
    users = identities(family, count)
    devices = [*range(count)]
    for _ in range(take(3)):
        devices.append(take(count))
    tracks: list[tuple[AnyStep, ...]] = []
    open_devices: list[int] = []
    opening: list[AnyStep] = []
    for device in range(len(devices)):
        if take(5):
            opening.append(Connect(device))
            open_devices.append(device)
    track_count = 2 + take(3)
    state = {device: True for device in open_devices}
    runs = 0
    for number in range(track_count):
        steps: list[AnyStep] = list(opening) if number == 0 else []
        for _ in range(1 + take(5)):
            kind = take(20)
            device = take(len(devices))
            if kind < 7:
                steps.append(Publish(devices[device], 0, "partial_result", mutate=kind == 0))
            elif kind == 7:
                runs += 1
                steps.extend(golden_run(devices[device], runs, take(2)))
            elif kind < 13:
                if state.get(device):
                    steps.append(Disconnect(device, gone=take(4) == 0))
                    state[device] = False
                else:
                    steps.append(Connect(device, _reuse(take, device, state)))
                    state[device] = True
            elif kind < 15:
                if state.get(device):
                    steps.extend((Disconnect(device), Connect(device, device if take(2) else -1)))
            elif kind == 15:
                steps.append(Twin(devices[device], take(count)))
            elif kind == 16:
                steps.append(Stall(device))
            elif kind == 17:
                steps.append(Drop(device))
            elif kind == 18:
                steps.append(Cancel(take(track_count)))
            else:
                steps.append(Wait((0.001, 0.05, 1.0, 30.0, 86_400.0)[take(5)]))
        tracks.append(tuple(steps))
    return Program(users, tuple(devices), tuple(tracks))


def _reuse(take: object, device: int, state: dict[int, bool]) -> int:
    closed: Sequence[int] = [other for other, is_open in state.items() if not is_open]
    pick = take(4 + len(closed))  # type: ignore[operator]
    return closed[pick - 4] if pick >= 4 else -1


FAMILIES = ("any", "identity", "lifecycle", "runs", "faults", "slow", "wide", "long")
"""Kinds of programs: a mix of all; tempting ids; reconnects; agent runs; failures and cancellations; stalled
connections; hundreds of users; many reconnect cycles."""


def draw(source: random.Random, family: str = "any") -> Program:
    """A fresh program of `family` from a random source. Raises ValueError for an unknown family."""
    if family not in FAMILIES:
        raise ValueError(f"no family of programs {family!r}; there are {', '.join(FAMILIES)}")
    return decode(source.randbytes(72))
