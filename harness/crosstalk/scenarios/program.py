"""Programs: what simulated users do, as frozen values made of concurrent tracks of steps.

A program knows nothing of schedules: each step is an arrival that the schedule lets happen when it likes, in order
within its track. Programs are decoded from random bytes, the *genome*, without any library in between, since a run
costs less than a structured draw would.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from crosstalk.model.golden_path import GOLDEN_PATH
from crosstalk.model.identity import ID_FAMILIES, identities


class Step(msgspec.Struct, frozen=True, tag_field="step", array_like=True):
    """One thing that happens. Devices and users are numbers into the program's tuples."""


class Connect(Step, frozen=True, tag="connect", array_like=True):
    """The device's user opens a connection; `reuse` >= 0 does so on the last socket object of that device."""

    device: int
    reuse: int = -1


class Disconnect(Step, frozen=True, tag="disconnect", array_like=True):
    """The connection ends; with `gone` the peer vanishes first, so that sends raise before the call is made, and with
    `cancelled` whoever makes the call gives it up at its first await."""

    device: int
    gone: bool = False
    cancelled: bool = False


class Publish(Step, frozen=True, tag="publish", array_like=True):
    """An event of `type` in run `run` for `user`; with `mutate` the publisher changes its object afterwards."""

    user: int
    run: int = 0
    type: str = "partial_result"
    mutate: bool = False


class Burst(Step, frozen=True, tag="burst", array_like=True):
    """One event for each of `users` (a user may be named more than once), all published at the same time."""

    users: tuple[int, ...]


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


class Collect(Step, frozen=True, tag="collect", array_like=True):
    """A garbage collection."""


class Census(Step, frozen=True, tag="census", array_like=True):
    """Count what is reachable from the broadcaster."""


AnyStep = Connect | Disconnect | Publish | Burst | Twin | Stall | Drop | Cancel | Wait | Collect | Census


class Program(msgspec.Struct, frozen=True, array_like=True):
    """`devices[d]` is the user number that device d belongs to; tracks run at the same time.

    `prompt` names the devices whose sends complete at once, without giving up the thread, as sends into a socket
    buffer with room do.
    """

    users: tuple[str, ...]
    devices: tuple[int, ...]
    tracks: tuple[tuple[AnyStep, ...], ...]
    prompt: tuple[int, ...] = ()

    @property
    def steps(self) -> int:
        return sum(len(track) for track in self.tracks)


Words = Sequence[tuple[str, ...]]
GOLDEN_RUNS: Words = GOLDEN_PATH.words()
_FAMILIES = tuple(ID_FAMILIES)


def golden_run(user: int, run: int, word: tuple[str, ...] = GOLDEN_RUNS[-1]) -> tuple[Publish, ...]:
    """The publishes of one agent run, whose event types are `word`."""
    return tuple(Publish(user, run, type_) for type_ in word)


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


FAMILIES = ("any", "identity", "lifecycle", "churn", "handover", "runs", "faults", "slow", "wide", "long")
"""Kinds of programs: a mix of all; tempting ids; reconnects; many of them while few events are under way; one user's
connections end and others come; agent runs; failures and cancellations; stalled connections; hundreds of users; many
reconnect cycles."""

# How often each kind of step is drawn, of 32; the rest of a row is publishes.
_KINDS = ("burst", "run", "toggle", "again", "twin", "stall", "drop", "cancel", "wait", "collect")
_OFTEN = {
    "any": (1, 1, 8, 3, 1, 1, 2, 3, 2, 0),
    "identity": (2, 1, 6, 2, 3, 0, 0, 0, 0, 0),
    "lifecycle": (1, 0, 12, 8, 0, 0, 1, 1, 1, 1),
    "runs": (1, 12, 2, 1, 1, 0, 0, 0, 1, 0),
    "faults": (1, 1, 6, 2, 0, 1, 5, 7, 2, 0),
    "slow": (3, 1, 4, 1, 1, 7, 1, 2, 1, 0),
}
_TABLES = {
    family: tuple(kind for kind, count in zip(_KINDS, row, strict=True) for _ in range(count))
    + ("publish",) * (32 - sum(row))
    for family, row in _OFTEN.items()
}
WAITS = (0.001, 0.05, 1.0, 30.0, 86_400.0)


def decode(genome: bytes, family: str = "any", waits: Sequence[float] = WAITS, words: Words = GOLDEN_RUNS) -> Program:
    """The program of a small `family` that `genome` (some 80 bytes) stands for; every byte string stands for one.

    `waits` are the seconds of virtual time to choose from, `words` the event types of agent runs.
    """
    if family in ("churn", "handover"):
        return (_churn if family == "churn" else _handover)(genome, waits)
    table = _TABLES[family]
    take = _Bytes(genome).below
    count = 2 + (0, 0, 0, 1, 1, 2)[take(6)]
    tempting = take(6) == 5 or family == "identity"
    users = identities("plain", count)
    if tempting:
        users = identities(_FAMILIES[1 + take(len(_FAMILIES) - 1)], count, take(6))
    devices = [*range(count)]
    for _ in range((0, 0, 1, 1, 2)[take(5)]):
        devices.append(take(count))
    manner = take(8)
    prompt = tuple(d for d in range(len(devices)) if take(2)) if manner == 0 else ()
    if manner == 1:
        prompt = tuple(range(len(devices)))
    opening: list[AnyStep] = []
    state: dict[int, bool] = {}
    for device in range(len(devices)):
        if take(5):
            opening.append(Connect(device))
            state[device] = True
    track_count = 2 + take(3)
    runs, overlapping = 0, -1
    tracks: list[tuple[AnyStep, ...]] = []
    for number in range(track_count):
        steps: list[AnyStep] = list(opening) if number == 0 else []
        if overlapping >= 0:
            runs += 1
            steps.extend(golden_run(devices[overlapping], runs, words[take(len(words))]))
            overlapping = -1
        for _ in range(1 + take(5)):
            kind = table[take(32)]
            device = take(len(devices))
            if kind == "publish":
                steps.append(Publish(devices[device], 0, "partial_result", mutate=take(8) == 7))
            elif kind == "toggle":
                if state.get(device):
                    steps.append(Disconnect(device, gone=take(4) == 0))
                    state[device] = False
                else:
                    steps.append(Connect(device, _reuse(take, device, state)))
                    state[device] = True
            elif kind == "again":
                if state.get(device):
                    steps.extend((Disconnect(device), Connect(device, device if take(2) else -1)))
            elif kind == "run":
                runs += 1
                steps.extend(golden_run(devices[device], runs, words[take(len(words))]))
                if number + 1 < track_count and take(2):
                    overlapping = device  # the next track begins with another run of that user
            elif kind == "burst":
                steps.append(Burst(tuple(devices[take(len(devices))] for _ in range(2 + take(4)))))
            elif kind == "twin":
                steps.append(Twin(devices[device], take(count)))
            elif kind == "stall":
                steps.append(Stall(device))
            elif kind == "drop":
                steps.append(Drop(device))
            elif kind == "cancel":
                steps.append(Cancel(take(track_count)))
            elif kind == "wait":
                steps.append(Wait(waits[take(len(waits))]))
            else:
                steps.append(Collect())
        tracks.append(tuple(steps))
    return Program(users, tuple(devices), tuple(tracks), prompt)


def _two_or_three(take: Callable[[int], int]) -> tuple[tuple[str, ...], list[int]]:
    """Two or three users, and whose each device is: one a user, and up to two more."""
    count = 2 + (take(4) == 3)
    devices = [*range(count)]
    for _ in range(take(3)):
        devices.append(take(count))
    return identities("plain", count), devices


def _churn(genome: bytes, waits: Sequence[float]) -> Program:
    """Two or three users; few events under way while connections come and go, in one track after another."""
    take = _Bytes(genome).below
    users, devices = _two_or_three(take)
    state: dict[int, bool] = {}
    opening: list[AnyStep] = []
    for device in range(len(devices)):
        if take(3):
            opening.append(Connect(device))
            state[device] = True
    publishing: list[AnyStep] = []
    for _ in range(1 + take(3)):
        user = devices[take(len(devices))]
        publishing.append(Burst((user,) * 2) if take(6) == 5 else Publish(user))
        if take(6) == 5:
            publishing.append(Wait(waits[take(len(waits))]))
    coming_and_going: list[AnyStep] = []
    for _ in range(2 + take(9)):
        kind, device = take(12), take(len(devices))
        if kind == 0:
            coming_and_going.append(Wait(waits[take(len(waits))]))
        elif kind == 1:
            coming_and_going.append(Publish(devices[device]))
        elif kind == 2:
            coming_and_going.append(Cancel(take(3)))
        elif kind == 3:
            coming_and_going.append(Drop(device))
        elif kind == 4:
            # everybody leaves: what is counted or kept starts anew with the next who come
            for other in [other for other, is_open in state.items() if is_open]:
                coming_and_going.append(Disconnect(other))
                state[other] = False
        elif state.get(device):
            coming_and_going.append(Disconnect(device, gone=take(6) == 5))
            state[device] = False
        else:
            closed = [other for other, is_open in state.items() if not is_open]
            taken_over = closed[take(len(closed))] if closed and take(2) else -1
            coming_and_going.append(Connect(device, taken_over))
            state[device] = True
    tracks = [(*opening, *publishing), tuple(coming_and_going)]
    if take(3) == 2:
        tracks.append((Publish(devices[take(len(devices))]), Publish(devices[take(len(devices))])))
    return Program(users, tuple(devices), tuple(tracks))


def _handover(genome: bytes, waits: Sequence[float]) -> Program:
    """Events for one user are under way; meanwhile that user leaves and others come. Who came is the next to leave."""
    take = _Bytes(genome).below
    users, devices = _two_or_three(take)
    leaver = devices[take(len(devices))]
    state: dict[int, bool] = {}
    publishing: list[AnyStep] = []
    for device, user in enumerate(devices):
        if take(5) if user == leaver else take(4) == 3:
            publishing.append(Connect(device))
            state[device] = True
    for _ in range(1 + take(3)):
        user = leaver if take(4) else devices[take(len(devices))]
        publishing.append(Burst((user, user)) if take(4) == 3 else Publish(user))
        if take(6) == 5:
            publishing.append(Wait(waits[take(len(waits))]))
    handing_over: list[AnyStep] = []
    for _ in range(1 + take(3)):
        _pause(take, waits, handing_over)
        everybody = take(3) == 0
        for device in [device for device, is_open in state.items() if is_open]:
            if (everybody or devices[device] == leaver) and take(8):
                fault = take(8)
                if fault == 7:
                    handing_over.append(Drop(device))
                handing_over.append(Disconnect(device, gone=fault == 6))
                state[device] = False
        _pause(take, waits, handing_over)
        left = leaver
        for _ in range(1 + take(3)):
            closed = [device for device in range(len(devices)) if not state.get(device)]
            if take(3):
                closed = [device for device in closed if devices[device] != left] or closed
            if closed:
                device = closed[take(len(closed))]
                before = [other for other, is_open in state.items() if not is_open]
                taken_over = before[take(len(before))] if before and take(2) else -1
                handing_over.append(Connect(device, taken_over))
                state[device] = True
                leaver = devices[device]
                if take(3) == 0:
                    handing_over.append(Publish(leaver))
    tracks = [tuple(publishing), tuple(handing_over)]
    if take(3) == 2:
        tracks.append((Publish(devices[take(len(devices))]), Publish(devices[take(len(devices))])))
    return Program(users, tuple(devices), tuple(tracks))


def _pause(take: Callable[[int], int], waits: Sequence[float], steps: list[AnyStep]) -> None:
    """In between time may pass, or a caller give up."""
    kind = take(8)
    if kind < 2:
        steps.append(Wait(waits[take(len(waits))]))
    elif kind == 2:
        steps.append(Cancel(take(3)))


def _reuse(take: Callable[[int], int], device: int, state: dict[int, bool]) -> int:
    closed: Sequence[int] = [other for other, is_open in state.items() if not is_open]
    pick = take(4 + len(closed))
    return closed[pick - 4] if pick >= 4 else -1


def _wide(source: random.Random) -> Program:
    """Hundreds of users, one connection each, a few with two; everybody is sent something, some come and go."""
    count = source.choice((40, 120, 300))
    users = identities("plain", count)
    devices = (*range(count), *(source.randrange(count) for _ in range(count // 10)))
    opening = [Connect(device) for device in range(len(devices))]
    tracks: list[tuple[AnyStep, ...]] = [tuple(opening)]
    for _ in range(4):
        steps: list[AnyStep] = []
        for _ in range(count // 8):
            device = source.randrange(len(devices))
            steps.append(Publish(devices[device]))
            if source.random() < 0.3:
                steps.extend((Disconnect(device, gone=source.random() < 0.2), Connect(device)))
        steps.append(Burst(tuple(source.randrange(count) for _ in range(10))))
        tracks.append(tuple(steps))
    return Program(users, devices, tuple(tracks))


def _long(source: random.Random) -> Program:
    """Two or three users who reconnect many times while events for them go on."""
    count = source.choice((2, 3))
    tracks: list[tuple[AnyStep, ...]] = []
    for user in range(count):
        steps: list[AnyStep] = []
        for _ in range(source.choice((8, 20, 40))):
            steps.append(Connect(user, user if source.random() < 0.2 else -1))
            if source.random() < 0.5:
                steps.append(Publish(source.randrange(count)))
            if source.random() < 0.1:
                steps.append(Wait(source.choice(WAITS)))
            steps.append(Disconnect(user, gone=source.random() < 0.3))
        tracks.append((*steps, Connect(user)))
    publishing = [Publish(source.randrange(count)) for _ in range(source.choice((10, 30)))]
    return Program(identities("plain", count), tuple(range(count)), (*tracks, tuple(publishing)))


def departures(counts: tuple[int, ...], gone: bool = False, cancelled: bool = False) -> Program:
    """Users come, are sent something, and leave; a census after each of `counts` departures, a day later.

    With `gone` each user's peer vanishes before the event is sent, with `cancelled` each disconnect is cancelled.
    """
    steps: list[AnyStep] = []
    regular = counts[-1]
    for user in range(counts[-1]):
        steps += (Connect(user), *((Drop(user),) if gone else ()), Publish(user), Disconnect(user, cancelled=cancelled))
        if user + 1 in counts:
            # what is kept for a time may go, when somebody comes by
            steps += (Wait(86_400.0), Connect(regular), Publish(regular), Disconnect(regular), Census())
    return Program(identities("plain", regular + 1), tuple(range(regular + 1)), (tuple(steps),))


def passing_events(counts: tuple[int, ...]) -> Program:
    """One user stays and is sent events; a census after each of `counts` events, a day later."""
    steps: list[AnyStep] = [Connect(0)]
    for number in range(counts[-1]):
        steps.append(Publish(0))
        if number + 1 in counts:
            steps += (Wait(86_400.0), Publish(0), Census())
    return Program(identities("plain", 2), (0, 1), (tuple(steps),))


GENOME = 96
"""Bytes of a genome that is drawn."""


def draw(
    source: random.Random, family: str = "any", waits: Sequence[float] = WAITS, words: Words = GOLDEN_RUNS
) -> Program:
    """A fresh program of `family` from a random source. Raises ValueError for an unknown family."""
    if family not in FAMILIES:
        raise ValueError(f"no family of programs {family!r}; there are {', '.join(FAMILIES)}")
    if family == "wide":
        return _wide(source)
    if family == "long":
        return _long(source)
    return decode(source.randbytes(GENOME), family, waits, words)
