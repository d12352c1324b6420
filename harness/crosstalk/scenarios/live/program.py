"""What the users of a round do, as frozen values: a track of steps for each user, all played at the same time.

A `Meet` is a barrier: who comes to it waits for the others, and then all go on within one turn of the loop, so that
their next steps reach the server together. Everything else is in real time. Drawn from a seed: the same seed and round
number give the same program.
"""

from __future__ import annotations

import random

import msgspec


class Step(msgspec.Struct, frozen=True, tag_field="step", array_like=True):
    """One thing a user does. Devices are numbers of the user's own."""


class Open(Step, frozen=True, tag="open", array_like=True):
    """Open a connection on the device; `anew` does so while the device's old one is still open, and closes that after.

    A `narrow` one has a small buffer in the kernel, so that not reading soon reaches the server.
    """

    device: int
    anew: bool = False
    narrow: bool = False


class Close(Step, frozen=True, tag="close", array_like=True):
    """End the device's connection politely."""

    device: int


class Reset(Step, frozen=True, tag="reset", array_like=True):
    """The device's connection is reset by TCP, without a word."""

    device: int


class Silent(Step, frozen=True, tag="silent", array_like=True):
    """The device neither reads nor answers any more, and doesn't close: half-open until the round ends."""

    device: int


class Slow(Step, frozen=True, tag="slow", array_like=True):
    """The device doesn't read for `seconds`; the user goes on meanwhile."""

    device: int
    seconds: float


class Hold(Step, frozen=True, tag="hold", array_like=True):
    """The device reads nothing more, until a `Release`; it goes on asking, and waits for no answer to that."""

    device: int


class Release(Step, frozen=True, tag="release", array_like=True):
    """The device reads on."""

    device: int


class Ask(Step, frozen=True, tag="ask", array_like=True):
    """Ask for an agent run on the device (or any open one of the user's), in the user's thread `thread`."""

    device: int
    thread: int = 0


class Await(Step, frozen=True, tag="await", array_like=True):
    """Wait until all runs of the user that were asked for are complete."""


class Meet(Step, frozen=True, tag="meet", array_like=True):
    """Wait for everybody who comes to barrier `barrier`."""

    barrier: int


class Rest(Step, frozen=True, tag="rest", array_like=True):
    """Do nothing for `seconds`."""

    seconds: float


AnyStep = Open | Close | Reset | Silent | Slow | Hold | Release | Ask | Await | Meet | Rest


class LiveProgram(msgspec.Struct, frozen=True, array_like=True):
    """`tracks[u]` are the steps of user u; those of no step do nothing in this round."""

    tracks: tuple[tuple[AnyStep, ...], ...]

    @property
    def steps(self) -> int:
        return sum(len(track) for track in self.tracks)

    @property
    def faults(self) -> int:
        return sum(isinstance(step, Reset | Silent | Slow | Hold) for track in self.tracks for step in track)

    def only(self, users: tuple[int, ...]) -> LiveProgram:
        """The same with nobody but `users`."""
        return LiveProgram(tuple(track if user in users else () for user, track in enumerate(self.tracks)))


KINDS = ("together", "reconnect", "storm", "stalled", "overlap", "rough")
PILED = 12
"""Runs whose events pile up for a device that does not read."""
PILING = 1.0
"""Seconds for them to pile up, before anybody else asks for anything."""


def draw(seed: int, round_: int, users: int, devices: int = 2, faults: bool = True) -> LiveProgram:
    """The program of round `round_`. The first is plain: everybody on every device, all at once, twice."""
    source = random.Random(f"{seed} {round_}")
    if round_ == 0:
        return LiveProgram(tuple(_plain(devices) for _ in range(users)))
    kind = KINDS[round_ % len(KINDS)]
    if kind in ("rough", "stalled") and not faults:
        kind = "storm"
    if kind == "stalled":
        reader = source.randrange(users)
        mine = source.randint(1, devices)
        return LiveProgram(tuple(_stalling() if user == reader else _beside(mine) for user in range(users)))
    barriers = source.randint(2, 3)
    return LiveProgram(tuple(_track(source, kind, barriers, devices) for _ in range(users)))


READY = Rest(1.1)
"""Time for the server to take note of new connections, before anything is owed to them."""


def _opened(devices: int) -> list[AnyStep]:
    return [Open(device) for device in range(devices)]


def _plain(devices: int) -> tuple[AnyStep, ...]:
    asks: list[AnyStep] = [Meet(0), READY, Meet(1), Ask(0), Await(), Meet(2), Ask(devices - 1), Await()]
    return (*_opened(devices), *asks)


def _stalling() -> tuple[AnyStep, ...]:
    """One run to see how long it takes, and many unread; see checks/live/blocking.py."""
    first: list[AnyStep] = [Open(0, narrow=True), READY, Meet(0), Ask(0), Await()]
    unread: list[AnyStep] = [
        Hold(0),
        *(Ask(0),) * PILED,
        Rest(PILING),
        Meet(1),
        Meet(2),
        Release(0),
        Rest(1.0),
        Meet(3),
    ]
    return (*first, *unread)


def _beside(devices: int) -> tuple[AnyStep, ...]:
    after: list[AnyStep] = [Ask(0), Await(), Meet(2), Meet(3), Ask(0), Await()]
    return (*_opened(devices), READY, Meet(0), Meet(1), *after)


def _track(source: random.Random, kind: str, barriers: int, devices: int) -> tuple[AnyStep, ...]:
    mine = source.randint(1, devices)
    steps = [*_opened(mine), READY]
    rough = kind == "rough" and source.random() < 0.4
    for barrier in range(barriers):
        steps.append(Meet(barrier))
        device = source.randrange(mine)
        if kind == "storm" and barrier:
            # everybody comes and goes at the same moment, some of them with a run under way
            steps += [Close(device), Open(device)] if source.random() < 0.6 else [Open(device, anew=True)]
        if kind == "reconnect":
            steps += _reconnect(source, device)
        if rough and barrier == 0 and mine > 1:
            steps += _fault(source, mine - 1)
        for _ in range(source.randint(2, 3) if kind == "overlap" else 1):
            steps.append(Ask(source.randrange(mine), thread=source.randrange(2)))
        if kind in ("storm", "reconnect") and source.random() < 0.35:
            # nobody is there any more while the run goes on
            steps += [Rest(source.choice((0.0, 0.01, 0.03))), *(Close(device) for device in range(mine))]
            steps += [Rest(source.choice((0.05, 0.1, 0.2))), *_opened(mine)]
        elif kind in ("storm", "reconnect") and mine > 1 and source.random() < 0.5:
            # the device that didn't ask leaves, or comes back, in the middle of the run
            steps += [Rest(source.choice((0.0, 0.02, 0.1))), *_reconnect(source, source.randrange(mine))]
        if kind != "overlap" or source.random() < 0.5:
            steps.append(Await())
    # a last run when all is over: whatever happened before, this one is owed
    return (*steps, Await(), READY, Meet(barriers), Ask(0), Await())


def _reconnect(source: random.Random, device: int) -> tuple[AnyStep, ...]:
    ways: tuple[tuple[AnyStep, ...], ...] = (
        (Close(device), Open(device)),
        (Open(device, anew=True),),
        (Reset(device), Open(device)),
    )
    return source.choice(ways)


def _fault(source: random.Random, device: int) -> tuple[AnyStep, ...]:
    ways: tuple[tuple[AnyStep, ...], ...] = (
        (Silent(device),),
        (Reset(device), Open(device)),
        (Open(device, anew=True, narrow=True), Slow(device, 1.0)),
    )
    return source.choice(ways)
