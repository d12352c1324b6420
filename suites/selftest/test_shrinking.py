"""Counterexamples are as small as they can be: users, steps and deviations, by reason, and by trying all smaller ones.

After the steps of a program the runner publishes to every user, lets everybody leave, and publishes again: what these
probes show needs no step of its own.
"""

from collections.abc import Iterator
from itertools import islice, permutations, product
from pathlib import Path

import pytest

from crosstalk.checks import CHECKS
from crosstalk.examination import explore, find, open_target, violation_of
from crosstalk.scenarios.program import (
    Burst,
    Cancel,
    Connect,
    Disconnect,
    Drop,
    Program,
    Publish,
    Stall,
    Twin,
    Wait,
)
from crosstalk.scenarios.shrink import shrink
from crosstalk.scenarios.token import read
from crosstalk.schedule.strategies.replay import Replay

ZOO = Path(__file__).parents[1] / "zoo" / "defective"
# member: (check, users, steps, deviations), and why no counterexample can do with less
SMALLEST = {
    "everybody_when_absent": ("isolation", 2, 1, 0),  # one is there to receive what is for another who is not
    "lower_cased_ids": ("isolation", 2, 1, 0),  # likewise, and the two are nearly named alike
    "numeric_keys": ("isolation", 2, 1, 0),
    "topic_prefixes": ("isolation", 2, 1, 0),
    "whole_pool_count": ("truthful_count", 2, 1, 0),  # one connection counted for another who has none
    "held_current_user": ("isolation", 2, 2, 0),  # two publishes at once, each with somebody to receive it
    "last_device_only": ("delivery", 1, 2, 0),  # two devices of one user
    "newest_first": ("order", 1, 2, 0),  # a device, and two events at once
    "welcome_first": ("delivery", 1, 2, 0),  # a publish while the connect is not yet over
    "tab_close": ("delivery", 1, 3, 0),  # two devices, one of which leaves
    "first_broken_pipe": ("delivery", 1, 3, 0),  # two devices, one of which is gone
    "grace_period": ("duplicate", 1, 3, 0),  # there, away, and there again
    "global_lock": ("blocking", 2, 3, 0),  # a device, stalled in the midst of a send, and the probe of another user
    "awaited_flush": ("delivery", 1, 3, 0),  # a device, a publish, and its cancellation while it flushes
    "manual_lock": ("crash", 1, 3, 0),  # likewise, while it holds the lock
    "live_list": ("delivery", 1, 4, 0),  # two devices, one of which leaves during a publish
    "stale_snapshot": ("ghost", 1, 4, 0),
    "swallowed_iteration": ("delivery", 1, 4, 0),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("member", SMALLEST)
def test_the_counterexample_is_the_smallest(member, seed):
    check, *smallest = SMALLEST[member]
    examination = open_target(f"{ZOO / member}.py:create")
    for run in islice(explore(examination, seed=seed, checks=(check,)), 6_000):
        if run.results[check].violations:
            break
    cause = run.results[check].violations[0].cause
    violation = violation_of(examination, check, cause, run.strategy, run.program, run.tape)
    example = read(violation.replay)
    assert [len(example.program.users), example.program.steps, violation.schedule.deviations] == smallest
    again, _ = examination.run(example.program, Replay(example.tape))
    assert find(again, check, cause) is not None


USERS, DEVICES = ("alice", "bob"), (0, 0, 1)
ALPHABET = (
    *(Connect(device) for device in range(3)),
    *(Disconnect(device, gone) for device in (0, 2) for gone in (False, True)),
    *(Publish(user) for user in range(2)),
    Burst((0, 0)),
    Burst((0, 1)),
    Twin(0, 1),
    *(step(device) for step in (Stall, Drop) for device in (0, 2)),
    *(Cancel(track) for track in range(2)),
    Wait(1.0),
    Wait(3600.0),
)


def programs(steps: int) -> Iterator[Program]:
    """Every program of so many steps: one after the other, or at the same time."""
    for chosen in product(ALPHABET, repeat=steps):
        yield Program(USERS, DEVICES, (chosen,) if chosen else ())
        if steps > 1:
            yield Program(USERS, DEVICES, tuple((step,) for step in chosen))


@pytest.mark.parametrize("member", [name for name, (_, _, steps, _) in SMALLEST.items() if steps in (2, 3)])
def test_no_program_with_a_step_less_breaks_it(member):
    """Every shorter program: in plain order, and where there is time for it with each single deviation."""
    check, _, steps, _ = SMALLEST[member]
    examination = open_target(f"{ZOO / member}.py:create")
    played = 0
    for program in programs(steps - 1):
        tapes = [()]
        for tape in tapes:
            history, _ = examination.run(program, Replay(tape))
            played += 1
            violations = CHECKS[check](history).violations
            assert not violations, (program, tape, violations)
            if steps == 2 and not tape:
                tapes += [(*(0,) * place, way) for place in range(12) for way in (1, 2)]
    assert played >= len(ALPHABET) ** (steps - 1)


def test_an_id_that_matters_keeps_no_other_from_becoming_plain():
    odd = Program(("u" * 200, "Operator"), (0,), ((Connect(0), Publish(1)),))
    smaller, _ = shrink(odd, (), lambda program, tape: ("Operator" in program.users and program.steps == 2, tape))
    assert set(smaller.users) == {"alice", "Operator"}


def test_what_is_tried_are_programs_of_the_wanted_size():
    assert {program.steps for program in programs(2)} == {2}
    assert set(permutations(ALPHABET, 2)) <= {program.tracks[0] for program in programs(2) if len(program.tracks) == 1}
