"""What recording and checking take of a live client's processor time.

Of a real run: users on the demonstration application, which runs in another process, with the journal on disk. Counted
to recording and checks is all that happens to a frame once the connection has it: reading, proving its canaries,
laying it to its run, history and journal; and the checks, and their controls. What measures takes part of the second.

Of a flood: the traffic of `live_receive.py`, where a client does nothing but receive. There reading and proving count
as receiving, for who verifies without recording needs them too.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import process_time, thread_time
from typing import Any

import uvloop
from live_receive import FRAMES, KEY, TOKENS, USERS, Tally, ours, paced
from sidebyside import Row, main, quartiles

from crosstalk import live
from crosstalk.checks.live import LIVE_CHECKS
from crosstalk.live_tally import Tally as Judge
from crosstalk.model.live_history import STARTED, LiveHistory
from crosstalk.profile import Profile
from crosstalk.scenarios.live.journal import Journal
from crosstalk.scenarios.live.known import Known
from crosstalk.scenarios.live.record import Recorder
from crosstalk.targets.reading import Pointers, reader

PARTS = ((Recorder, "receive", "recording"), (Judge, "take", "checks"), (Judge, "control", "controls"))
MOST = 0.25
spent: Counter[str] = Counter()


def timed(function: Callable[..., Any], part: str) -> Callable[..., Any]:
    def measured(*arguments: Any) -> Any:
        began = thread_time()
        try:
            return function(*arguments)
        finally:
            spent[part] += thread_time() - began

    return measured


def run(users: int, seconds: int, folder: str) -> tuple[float, dict[str, float]]:
    """The share of recording and checks in one live run, and processor seconds a delivery of each part."""
    spent.clear()
    with live.demonstration(True) as demo:
        planned = live.plan(Profile(users=users, duration=seconds, rate=1_000, connect_rate=500), demo)
        began = process_time()
        verdict = live.examine(planned, journal=Path(folder) / "live.jsonl")
        whole = process_time() - began
    assert verdict.verdict == "pass" and verdict.live is not None
    each = {part: took / verdict.live.deliveries for part, took in spent.items()}
    return spent.total() / whole, {**each, "all": whole / verdict.live.deliveries}


def of_a_run(users: int, seconds: int, runs: int) -> Row:
    for cls, name, part in PARTS:
        setattr(cls, name, timed(getattr(cls, name), part))
    with tempfile.TemporaryDirectory() as folder:
        found = [run(users, seconds, folder) for _ in range(runs)]
    low, share, high = quartiles([share for share, _ in found])
    parts = {part: statistics.median(each[part] for _, each in found) * 1e6 for part in found[0][1]}
    said = ", ".join(f"{part} {took:.1f}" for part, took in parts.items())
    measured = f"{share:.0%} ({low:.0%} to {high:.0%}); us a delivery: {said}"
    what = f"of a live run's processor time, {users} users, {seconds} s, recording and checks take"
    return Row(what, measured, f"at most {MOST:.0%}", share <= MOST)


def frames() -> list[bytes]:
    """A user's event each, as the paced server sends it."""
    return [
        json.dumps(
            {
                "type": "agent_thinking",
                "run_id": token[-12:],
                "user_id": f"crosstalk-user-{user:04}",
                "thread_id": "thread-of-" + token[-8:],
                "timestamp": 1_700_000_000.123,
                "payload": {"reasoning": f"about {token}: " + "considering the request " * 8},
            }
        ).encode()
        for user, token in enumerate(TOKENS)
    ]


def recorded(count: int) -> tuple[float, float]:
    """Processor seconds a delivery to read and record it, journal and all, and to judge it."""
    known = Known(KEY, tuple(f"crosstalk-user-{user:04}" for user in range(USERS)))
    history = LiveHistory(known.users, 1)
    data = frames()
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "live.jsonl") as journal:
        recorder = Recorder(known, reader(Pointers()), history, journal)
        for user in range(USERS):
            recorder.apply("connecting", user, 0, 0.0)
            recorder.apply("connected", user, 0.1)
            recorder.apply("run", user, 1, user, 1.0)
            recorder.apply("asked", user, 1.0, STARTED, "")
        began = process_time()
        for number in range(count):
            recorder.receive(number % USERS, round(time.monotonic(), 6), data[number % USERS])
        journal.flush()
        read_in = process_time()
        for check in LIVE_CHECKS.values():
            check(history)
        return (read_in - began) / count, (process_time() - read_in) / count


def verified(count: int) -> float:
    """Processor seconds a delivery to verify it, and nothing more."""
    tally = Tally()
    data = frames()
    began = process_time()
    for number in range(count):
        tally.verify(number % USERS, data[number % USERS])
    return (process_time() - began) / count


async def received(url: str) -> float:
    """Processor seconds a delivery to receive and verify it."""
    async with ours(url) as batch:
        return statistics.median([await batch() for _ in range(4)][1:]) / (USERS * FRAMES)


def of_a_flood(count: int) -> Row:
    with paced() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        receiving = runner.run(received(url))
    bare = verified(count)
    recording, judging = recorded(count)
    more = recording - bare + judging
    share = more / (receiving + more)
    measured = f"{share:.0%}; us a delivery: recording {(recording - bare) * 1e6:.1f}, checks {judging * 1e6:.1f}, "
    measured += f"all {(receiving + more) * 1e6:.1f}"
    return Row("of a flood's processor time, recording and checks take", measured, f"at most {MOST:.0%}", share <= MOST)


def rows(quick: bool) -> list[Row]:
    flood = of_a_flood(20_000 if quick else 100_000)
    return [of_a_run(200, 10 if quick else 20, 1 if quick else 3), flood]


if __name__ == "__main__":
    main(rows)
