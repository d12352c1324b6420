"""Verdicts that the tests of reports read: one reached by examining a broken hub, and made ones of any size."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import msgspec

from crosstalk.examination import examine, explore, open_target, violation_of
from crosstalk.model.scene import Act, Arrival, Connection, Culprit, Decision, Exhibit, Place, Remark, Scene
from crosstalk.model.verdict import CheckVerdict, Control, Explored, FoundViolation, Schedule, Verdict

ZOO = Path(__file__).parents[1] / "zoo" / "defective"


@functools.cache
def examined(member: str, schedules: int = 400) -> Verdict:
    """The verdict on a member of the zoo."""
    return examine(open_target(f"{ZOO / member}.py:create"), schedules=schedules, seconds=20)


@functools.cache
def violation(member: str, check: str) -> FoundViolation:
    """The minimal counterexample of the first violation of `check` that a member of the zoo shows."""
    examination = open_target(f"{ZOO / member}.py:create")
    for run in itertools.islice(explore(examination, checks=(check,)), 6_000):
        for found in run.results[check].violations:
            shown = violation_of(examination, check, found.cause, run.strategy, run.program, run.tape)
            assert shown is not None
            return shown
    raise AssertionError(f"{member} showed no violation of {check}")


def scene(users: tuple[str, ...] = ("alice", "bob"), arrivals: int = 1, sample: str = '{"payload":{}}') -> Scene:
    """Everybody connects, an event for the first user is published and goes to the last one, `arrivals` times."""
    last = len(users) - 1
    connections = tuple(Connection(n, f"{user}/{n}", n, 3 * n + 1, 3 * n + 3) for n, user in enumerate(users))
    connects = tuple(Act("connect", n, 3 * n + 2, 3 * n + 3, connection=n) for n in range(len(users)))
    at = 3 * len(users) + 2
    sent = tuple(
        Arrival(
            last,
            at + 2 * n + 1,
            at + 2 * n + 2,
            "ok",
            (0,),
            (),
            0,
            "agent_started",
            sample,
            Place("ws.py", 12, "Hub.send"),
        )
        for n in range(arrivals)
    )
    return Scene(
        users,
        connections,
        (*connects, Act("publish", 0, at, event=0, type="agent_started")),
        sent,
        (Remark(at + 1, "time moves on by 30 s"),),
        Culprit("arrival", sent[-1].started, arrivals - 1, last),
        owners=(0,),
    )


def made(
    violations: int = 1,
    users: tuple[str, ...] = ("alice", "bob"),
    *,
    arrivals: int = 1,
    target: str = "ws.py:Hub",
    message: str = "'bob' was sent an event that belongs to 'alice'",
    sample: str = '{"payload":{}}',
    notes: tuple[str, ...] = (),
) -> Verdict:
    """A failing verdict with so many violations of isolation, each with a scene of so many arrivals."""
    shown = scene(users, arrivals, sample)
    passing = msgspec.structs.replace(shown, culprit=None, arrivals=())
    exhibit = Exhibit(
        shown,
        ("alice/0 connects", "partial_result for alice is published"),
        (0, 2),
        passing,
        (Decision(1, shown.acts[-1].started, ("alice/0 connects", "bob/1 connects"), "the first", "the second"),),
        Place("ws.py", 12, "Hub.send"),
    )
    found = tuple(
        FoundViolation(
            f"{message} ({n})" if n else message,
            (users[0], users[-1]),
            "ct1-abc",
            Schedule("PCT-2", 1),
            ">> timeline",
            f"cause {n}",
            exhibit,
        )
        for n in range(violations)
    )
    checks = (
        CheckVerdict("isolation", "fail" if violations else "pass", 10_000, found),
        CheckVerdict("order", "pass", 3_000),
        CheckVerdict("crash", "unknown", 0, (), "it had no opportunity"),
    )
    explored = Explored(500, 500, 9_000, 10_000, 4.0, {"PCT-2": 300, "plain": 200}, ((0.1, 20), (1.0, 60), (3.0, 90)))
    return Verdict(
        "fail" if violations else "unknown",
        target,
        7,
        checks,
        (Control("isolation", "misroute", True), Control("order", "swap", False)),
        explored,
        notes=notes,
    )
