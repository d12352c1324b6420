"""All checks on a history of 1,000,000 deliveries: seconds, and memory a delivery.

The history is written by hand through its public columns, as a run of a correct broadcaster writes it: 1,000 users with
two connections each, half of whom reconnect during the run; agent runs in Golden Path order, one after another for
each user and in between those of others; each event sent to both connections, each send with its start and end; at the
end ten users stall, the others are probed, then everybody is, and all depart. Nothing is shared that a run would not
share.

"All checks" is `check_all`, as an examination asks it. It proves a clean history clean in one walk; how long the checks
take one by one, as where the history is not clean, is a row of its own.

Each measurement has a process of its own. Memory is resident memory as the system counts it, with garbage collection
off as in an examination: what the history takes, and by how much the checks' peak exceeds it.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import msgspec
from sidebyside import Row, quartiles, table

from crosstalk.checks import CHECKS, check_all
from crosstalk.examination import KEY
from crosstalk.model import canary
from crosstalk.model.history import ACCEPTED, Call, Content, Episode, Frame, History
from crosstalk.model.identity import identities
from crosstalk.scenarios.program import GOLDEN_RUNS

USERS, DELIVERIES = 1_000, 1_000_000
SECONDS, BYTES = 3.0, 200


@dataclass(slots=True, eq=False)
class _User:
    number: int
    episodes: list[int]
    reconnected: bool = False
    run: int = 1
    step: int = 0


class _Scribe:
    """Writes a history as a run does."""

    def __init__(self, users: int) -> None:
        self.history = History(identities("plain", users))
        self.users = [_User(number, []) for number in range(users)]

    def connect(self, user: _User) -> None:
        history = self.history
        number = len(history.episodes)
        device = f"{history.users[user.number]}/{len(user.episodes)}"
        episode = Episode(user.number, number, device, history.tick())
        history.episodes.append(episode)
        call = Call("connect", user.number, history.tick(), number, status=ACCEPTED)
        history.calls.append(call)
        episode.connected = call.returned = history.tick()
        user.episodes.append(number)

    def disconnect(self, user: _User, number: int) -> None:
        history = self.history
        episode = history.episodes[number]
        episode.leaving = history.tick()
        call = Call("disconnect", user.number, history.tick(), number, status=ACCEPTED)
        history.calls.append(call)
        episode.left = call.returned = history.tick()
        user.episodes.remove(number)

    def publish(self, user: _User, run: int, type_: str, probe: bool = False) -> Call:
        """One event, begun: its content, its frame, and a send on each connection that has not ended."""
        history = self.history
        content = len(history.contents)
        token = canary.mint(KEY, canary.Canary(1, user.number, run & 0xFFFF, content))
        history.contents.append(Content(frozenset((user.number,)), run, type_, token, 1))
        call = Call("publish", user.number, history.tick(), content=content, probe=probe)
        history.calls.append(call)
        name = history.users[user.number]
        payload = {
            "type": type_,
            "run_id": f"run-{run}",
            "thread_id": f"thread-{run}",
            "payload": {"canary": token, "text": f"for {content}"},
            "user_id": name,
        }
        sample = msgspec.json.encode(payload).decode()
        history.frames.append(Frame(content, type=type_, owner=name, text=sample))
        for episode in user.episodes:
            history.send_episode.append(episode)
            history.send_frame.append(content)
            history.send_start.append(history.tick())
            history.send_end.append(0)
            history.send_status.append(0)
        return call

    def answer(self, first: int, last: int, calls: list[Call]) -> None:
        """The sends from row `first` to `last` complete, and then the publishes return."""
        history = self.history
        for row in range(first, last):
            history.send_end[row] = history.tick()
            history.send_status[row] = ACCEPTED
        for call in calls:
            call.returned = history.tick()
            call.status = ACCEPTED
            call.value = 2


def write(deliveries: int, users: int = USERS) -> History:
    """A history of `deliveries` deliveries, or a few more."""
    scribe = _Scribe(users)
    history = scribe.history
    for user in scribe.users:
        scribe.connect(user)
        scribe.connect(user)
    stalled = scribe.users[::100]
    tail = 2 * (users - len(stalled)) + 2 * users
    turn = 0
    while len(history.send_start) < deliveries - tail:
        together = [scribe.users[(turn + i) % users] for i in range(8)]
        turn += 8
        first = len(history.send_start)
        calls = []
        for user in together:
            word = GOLDEN_RUNS[user.run % 2]
            # the runs' numbers are the users' own in pairs, so that no two runs share one
            calls.append(scribe.publish(user, user.run * users + user.number, word[user.step]))
            user.step += 1
            if user.step == len(word):
                user.run, user.step = user.run + 1, 0
        scribe.answer(first, len(history.send_start), calls)
        for user in together:
            if not user.reconnected and user.number % 2 and user.number * deliveries < len(history.send_start) * users:
                user.reconnected = True
                scribe.disconnect(user, user.episodes[0])
                scribe.connect(user)
    for user in stalled:
        history.episodes[user.episodes[0]].excused = history.tick()
    history.unstalled = frozenset(range(users)) - {user.number for user in stalled}
    for user in scribe.users:
        if user not in stalled:
            first = len(history.send_start)
            scribe.answer(first, first + 2, [scribe.publish(user, 0, "probe", probe=True)])
    history.stalled_quiet = history.tick()
    for user in scribe.users:
        first = len(history.send_start)
        scribe.answer(first, first + 2, [scribe.publish(user, 0, "probe", probe=True)])
    history.final_quiet = history.tick()
    for user in scribe.users:
        for episode in list(user.episodes):
            scribe.disconnect(user, episode)
    history.complete = True
    return history


def resident(peak: bool = False) -> int:
    """Bytes of memory that this process has, or had at most."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not say how much memory a process has")


class Measured(msgspec.Struct):
    deliveries: int
    history: int
    peak: int
    together: float
    seconds: dict[str, float]
    opportunities: dict[str, int]
    violations: int


def measure(deliveries: int) -> Measured:
    """One measurement, in this process."""
    gc.disable()
    before = resident()
    history = write(deliveries)
    rows = len(history.send_start)
    written = resident()
    began = process_time()
    results = check_all(history)
    together = process_time() - began
    opportunities = {name: result.opportunities for name, result in results.items()}
    violations = sum(len(result.violations) for result in results.values())
    seconds: dict[str, float] = {}
    for name, check in CHECKS.items():
        began = process_time()
        alone = check(history)
        seconds[name] = process_time() - began
        if alone != results[name]:
            raise AssertionError(
                f"{name} finds {alone.opportunities} opportunities alone, {opportunities[name]} together"
            )
    peak = resident(peak=True) - written
    return Measured(rows, written - before, peak, together, seconds, opportunities, violations)


def measured_apart(deliveries: int) -> Measured:
    """One measurement, in a process of its own."""
    command = [sys.executable, __file__, "--one", str(deliveries)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(output, type=Measured)


def rows(quick: bool) -> list[Row]:
    found = [measured_apart(DELIVERIES) for _ in range(1 if quick else 5)]
    if any(one.violations for one in found):
        raise AssertionError(f"{found[0].violations} violations in a correct history")
    low, middle, high = quartiles([one.together for one in found])
    alone = quartiles([sum(one.seconds.values()) for one in found])[1]
    peak = max(one.peak / one.deliveries for one in found)
    history = max(one.history / one.deliveries for one in found)
    each = {name: quartiles([one.seconds[name] for one in found])[1] for name in found[0].seconds}
    slowest = ", ".join(f"{name} {each[name]:.2f}" for name in sorted(each, key=each.__getitem__, reverse=True)[:6])
    idle = [name for name, count in found[0].opportunities.items() if not count]
    what = f"all checks on a history of {found[0].deliveries:,} deliveries"
    return [
        Row(
            f"{what}, seconds",
            f"{middle:.2f} ({low:.2f} to {high:.2f})",
            f"under {SECONDS:g}",
            middle < SECONDS,
        ),
        Row("… one by one, seconds", f"{alone:.2f}"),
        Row("… by check, the slowest", slowest),
        Row("… checks without an opportunity in it", ", ".join(idle) or "none"),
        Row(f"{what}, the checks' own memory at peak, bytes a delivery", f"{peak:.0f}", f"under {BYTES}", peak < BYTES),
        Row(
            "… and what the history itself takes, bytes a delivery (a delivery is half an event here)", f"{history:.0f}"
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    parser.add_argument("--one", type=int, help="measure once, in this process, this many deliveries; JSON")
    options = parser.parse_args()
    if options.one:
        print(msgspec.json.encode(measure(options.one)).decode())
    else:
        answer = rows(options.quick)
        print(msgspec.json.encode(answer).decode() if options.json else table(answer))
