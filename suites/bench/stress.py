"""The honest opponents of the deep members: an ordinary random stress test, and detangle, beside Crosstalk.

The stress test is what a competent engineer writes in a day: users who connect, disconnect, reconnect and publish at
the same time, on the stock asyncio loop and in real time; sockets that take a random while (nothing, up to 3 ms, or up
to 30 ms on a slow connection) for each send; peers that vanish and callers that give up; and strict assertions at the
end of each round. It is given more than that:

* the assertions are Crosstalk's own checks of isolation, ownership, integrity, ghosts, duplicates, order, delivery,
  the golden path and counts, and the sockets are Crosstalk's, so sockets taken over by another user occur too;
* every other round plays a program of Crosstalk's own drawer, with its stalls, cancellations and waits; the others
  play three to five users with one or two connections each, twenty to a hundred steps;
* several threads play at the same time, each on a loop of its own, since such a test mostly sleeps.

Real time is kind to no timer: a defect that needs five minutes to pass can't be seen in one. Therefore a second stress
test plays on a clock that is up to 100,000 times as fast, another speed each round: what an engineer would do by making
every timeout short, for all of them at once and by the same factor.

detangle plays the same programs on its own loop and virtual clock, with the strategies that it takes in turn by itself.
Each answer of a socket takes no time, or one of the waits that programs have; detangle chooses. Half of its runs keep
asyncio's order of what is ready; the others let it choose that as well, as is its default, though production can't
play all of those schedules: it then accuses correct members of a wrong order.

`--kinds correct` shows that the stress tests raise no false alarm, `--kinds defective` what they are good for.

All are judged by the same checks, and each plays with the waits that Crosstalk learns from the broadcaster's timers.
Each plays in a process of its own until the first violation. Times are of the wall clock and with making the target,
not with starting Python. Crosstalk's first violation must also come again in a replay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import os
import platform
import random
import selectors
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from live import Settle, live
from members import Member, members
from zoo import true_violations

from crosstalk.examination import _PORTIONS, Examination, explore
from crosstalk.model.identity import identities
from crosstalk.scenarios.program import (
    GENOME,
    WAITS,
    AnyStep,
    Cancel,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Wait,
    decode,
)
from crosstalk.schedule.loop import Gate

SMALL = tuple(family for family in _PORTIONS if family not in ("wide", "long"))
PATIENCE = 0.2
"""Seconds of real time for which a stress test waits for timers before it calls a broadcaster quiet."""
FASTEST = 5
"""The power of ten by which the fast clock is fastest."""
GRACE = 60.0


class Outcome(msgspec.Struct):
    """The first violation, or none: after how many seconds and rounds, and by which checks."""

    seconds: float
    rounds: int
    checks: tuple[str, ...] = ()


# -- what is played -----------------------------------------------------------------------------------------------


def ordinary(source: random.Random, waits: Sequence[float]) -> Program:
    """What one would write by hand: every connection comes, is used and goes in a track of its own."""
    count = source.randint(3, 5)
    devices = [*range(count), *(user for user in range(count) if source.random() < 0.5)]
    tracks: list[tuple[AnyStep, ...]] = []
    for device, user in enumerate(devices):
        steps: list[AnyStep] = [Connect(device)]
        for _ in range(source.randint(2, 12)):
            dice = source.random()
            if dice < 0.5:
                steps.append(Publish(user if source.random() < 0.7 else source.randrange(count)))
            elif dice < 0.8:
                other = source.randrange(len(devices)) if source.random() < 0.3 else -1
                steps += (Disconnect(device, gone=source.random() < 0.2), Connect(device, other))
            elif dice < 0.9:
                steps.append(Wait(source.choice(waits)))
            elif dice < 0.95:
                steps.append(Cancel(source.randrange(len(devices))))
            else:
                steps.append(Drop(device))
        tracks.append(tuple(steps))
    return Program(identities("plain", count), tuple(devices), tuple(tracks))


def drawn(source: random.Random, number: int, examination: Examination, waits: Sequence[float]) -> Program:
    """What Crosstalk itself would play: of the small families, in its proportions."""
    words = examination.guarantees.grammar.words()
    return decode(source.randbytes(GENOME), SMALL[number % len(SMALL)], waits, words)


def learned_waits(examination: Examination) -> tuple[float, ...]:
    """The waits that Crosstalk uses once it has seen the broadcaster's timers."""
    for _ in itertools.islice(explore(examination, 0), 12):
        pass
    near = sorted(delay for delay in examination.delays if delay > 0)[:8]
    return (*WAITS, *(delay * factor for delay in near for factor in (0.5, 1.01)))


# -- the stress test ----------------------------------------------------------------------------------------------


class _Selector(selectors.DefaultSelector):
    speed = 1.0

    def select(self, timeout: float | None = None) -> Any:
        return super().select(None if timeout is None else timeout / self.speed)


class Clock(asyncio.SelectorEventLoop):
    """asyncio's stock loop, whose clock runs `speed` times as fast as time does."""

    gates: list[Gate]
    _ready: Any
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, speed: float) -> None:
        selector = _Selector()
        selector.speed = self.speed = speed
        super().__init__(selector)
        self.iterations = 0
        self.unhandled: list[dict[str, Any]] = []
        self.set_exception_handler(lambda loop, context: self.unhandled.append(context))

    def _run_once(self) -> None:
        self.iterations += 1
        super()._run_once()

    def time(self) -> float:
        return time.monotonic() * self.speed

    def busy(self, until: float) -> bool:
        """Whether something is ready, owed, or due by `until`."""
        return bool(self._ready or self.gates) or any(
            timer.when() <= until for timer in self._scheduled if not timer.cancelled()
        )


def patient(speed: float) -> Settle:
    async def settle() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Clock)
        until = loop.time() + PATIENCE * speed
        while True:
            await asyncio.sleep(0.0005 * speed)
            if not loop.busy(until) or loop.time() > until + speed:
                return

    return settle


def hammered(
    examination: Examination, program: Program, number: int, source: random.Random, speed: float
) -> tuple[str, ...]:
    """One round: the checks that are violated."""
    slow = {source.randrange(8)} if source.random() < 0.3 else set()

    def delay(gate: Gate) -> float:
        if source.random() < 0.2:
            return 0.0
        return source.random() * (0.03 if gate.lane in slow else 0.003) * speed

    with asyncio.Runner(loop_factory=lambda: Clock(speed)) as runner:
        return runner.run(live(examination, program, number, delay, patient(speed)))


def stress(examination: Examination, seed: int, seconds: float, fast: bool, threads: int) -> Outcome:
    waits = learned_waits(examination)
    found: list[tuple[str, ...]] = []
    rounds = [0] * threads
    began = time.perf_counter()

    failed: list[BaseException] = []

    def guarded(which: int) -> None:
        try:
            play(which)
        except BaseException as error:
            failed.append(error)
            raise

    def play(which: int) -> None:
        source = random.Random(f"{seed}/{which}")
        while not found and not failed and time.perf_counter() - began < seconds:
            speed = 10 ** source.uniform(0, FASTEST) if fast else 1.0
            bearable = [wait for wait in waits if wait <= 0.05 * speed] or [0.05 * speed]
            if rounds[which] % 2:
                program = drawn(source, rounds[which] // 2, examination, bearable)
            else:
                program = ordinary(source, bearable)
            checks = hammered(examination, program, rounds[which], source, speed)
            rounds[which] += 1
            if checks:
                found.append(checks)

    workers = [threading.Thread(target=guarded, args=(which,), daemon=True) for which in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failed:
        raise failed[0]
    return Outcome(time.perf_counter() - began, sum(rounds), found[0] if found else ())


# -- detangle, and ours -------------------------------------------------------------------------------------------


def detangled(examination: Examination, seed: int, seconds: float) -> Outcome:
    import detangle

    source = random.Random(seed)
    waits = learned_waits(examination)
    answers = (0.0, 0.0, 0.0, *(wait for wait in waits if wait < 3_600))
    strategies = ("fifo", "pct:2", "random", "pct:3", "pct:1")
    began = time.perf_counter()
    for number in itertools.count():
        program = drawn(source, number, examination, waits)
        found: list[tuple[str, ...]] = []

        async def settle(program: Program = program) -> None:
            loop: Any = asyncio.get_running_loop()
            for _ in range(4):
                await asyncio.sleep(60.0 + sum(s.seconds for t in program.tracks for s in t if type(s) is Wait))
                if not loop.gates:
                    return

        async def once(program: Program = program, number: int = number, found: list[Any] = found) -> None:
            found.append(await live(examination, program, number, lambda gate: detangle.choice(answers), settle))

        # what detangle itself calls a failure, too many steps say, is no finding here
        with contextlib.suppress(detangle.StepLimitExceeded):
            detangle.run(
                once,
                seed=seed * 1_000_003 + number,
                strategy=strategies[number % len(strategies)],
                reorder=number // len(strategies) % 2 == 0,
                fail_on_unobserved=False,
                fail_on_callback_error=False,
            )
        spent = time.perf_counter() - began
        if (found and found[0]) or spent > seconds:
            return Outcome(spent, number + 1, found[0] if found else ())
        if number % 64 == 63:
            gc.collect()
    raise AssertionError("an exploration has no end")


def ours(member: Member, seed: int, seconds: float) -> Outcome:
    began = time.perf_counter()
    for count, speaking in true_violations(member.opened(), seed):
        spent = time.perf_counter() - began
        if speaking or spent > seconds:
            return Outcome(spent, count, speaking)
    raise AssertionError("an exploration has no end")


CONTENDERS = {
    "crosstalk": "Crosstalk",
    "stress": "stress test, real time",
    "fast": "stress test, fast clock",
    "detangle": "detangle",
}


def contend(contender: str, member: Member, seed: int, seconds: float, threads: int) -> Outcome:
    """Play one contender in this process."""
    gc.collect()
    gc.freeze()
    if contender == "crosstalk":
        gc.disable()
        return ours(member, seed, seconds)
    examination = member.opened()
    if contender == "detangle":
        return detangled(examination, seed, seconds)
    return stress(examination, seed, seconds, contender == "fast", threads)


# -- the table ----------------------------------------------------------------------------------------------------


def in_a_process(contender: str, member: Member, seed: int, options: argparse.Namespace) -> Outcome | None:
    """As `contend`, in a process of its own; None when that fails or hangs."""
    command = [sys.executable, __file__, "--one", contender, "--kinds", member.kind, "--only", f"^{member.name}$"]
    command += ["--seed", str(seed), "--seconds", str(options.seconds), "--threads", str(options.threads)]
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, timeout=options.seconds + GRACE, cwd=Path.cwd())
    except subprocess.TimeoutExpired:
        return None
    return msgspec.json.decode(ran.stdout, type=Outcome) if ran.returncode == 0 else None


def shown(outcomes: Sequence[Outcome | None], check: str) -> str:
    """One cell: the median time, and what is unusual."""
    known = [one for one in outcomes if one is not None]
    hits = [one for one in known if one.checks]
    if len(known) < len(outcomes):
        return "**failed to run**"
    if not hits:
        return f"not found ({statistics.median(one.rounds for one in known):,.0f} runs)"
    seconds = statistics.median(one.seconds if one.checks else float("inf") for one in known)
    others = sorted({name for one in hits for name in one.checks if check not in one.checks})
    text = "mostly not found" if seconds == float("inf") else f"{seconds:.2f} s"
    if len(hits) < len(known):
        text += f", {len(hits)} of {len(known)} seeds"
    rounds = f"{statistics.median(one.rounds for one in hits):,.0f} runs"
    return f"{text} ({rounds}{'; by ' + ', '.join(others) if others else ''})"


def jobs(options: argparse.Namespace, contenders: Sequence[str]) -> Iterator[tuple[Member, str, int]]:
    for member in chosen(options):
        for contender in contenders:
            for seed in range(1, 1 + (options.seeds if contender == "crosstalk" else options.others)):
                yield member, contender, seed


def chosen(options: argparse.Namespace) -> list[Member]:
    only = options.only
    exact = only.startswith("^") and only.endswith("$")
    found = members(*options.kinds.split(","), only=only.strip("^$"))
    return [member for member in found if not exact or member.name == only.strip("^$")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each may look for a violation")
    parser.add_argument("--seeds", type=int, default=5, help="with how many seeds Crosstalk plays")
    parser.add_argument("--others", type=int, default=1, help="with how many seeds the others play")
    parser.add_argument("--kinds", default="deep", help="of defective, deep, correct (default: deep)")
    parser.add_argument("--only", default="", help="members whose names contain this, or ^name$")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=8, help="of a stress test, each with a loop of its own")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        (member,) = chosen(options)
        outcome = contend(options.one, member, options.seed, options.seconds, options.threads)
        print(msgspec.json.encode(outcome).decode(), flush=True)
        os._exit(0)  # threads of a round that hangs are not waited for
    contenders = options.contenders.split(",")
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, at most {options.seconds:g} s each\n")
    print(f"| member | defect | {' | '.join(CONTENDERS[name] for name in contenders)} |")
    print("| --- | --- " + "| --- " * len(contenders) + "|", flush=True)
    wins = dict.fromkeys(contenders, 0)
    count = 0
    with ThreadPoolExecutor(options.processes) as pool:
        waiting: dict[tuple[str, str, str], list[Future[Outcome | None]]] = {}
        for member, contender, seed in jobs(options, contenders):
            key = (member.kind, member.name, contender)
            waiting.setdefault(key, []).append(pool.submit(in_a_process, contender, member, seed, options))
        for member in chosen(options):
            cells = []
            for contender in contenders:
                outcomes = [one.result() for one in waiting[member.kind, member.name, contender]]
                cells.append(shown(outcomes, member.check))
                wins[contender] += all(one is not None and one.checks for one in outcomes)
            count += 1
            print(f"| {member.name} | {member.defect} ({member.check}) | {' | '.join(cells)} |", flush=True)
    found = "; ".join(f"{CONTENDERS[name]} {wins[name]}" for name in contenders)
    print(f"\nFound with every seed within {options.seconds:g} s, of {count} members: {found}.")


if __name__ == "__main__":
    main()
