"""The zoo: correct broadcasters of different designs raise no alarm, not even under strict guarantees where they say
that they keep these; none of the defective and deep ones escapes, and each is told by its class."""

import gc
import importlib.util
import time
from itertools import islice
from pathlib import Path

import pytest

from crosstalk.examination import examine, explore, open_target, violation_of
from crosstalk.model.guarantees import Guarantees
from crosstalk.scenarios.runner import many_runs

ZOO = Path(__file__).parents[1] / "zoo"
ENOUGH = {"defective": 6_000, "deep": 12_000}
"""Schedules within which a defect must show with one of SEEDS; most show within a hundred, of deep ones in a thousand.
suites/bench says how fast each is found."""
SEEDS = (1, 2, 3, 4)


def members(*kinds: str) -> list[str]:
    return sorted(str(path.relative_to(ZOO)) for kind in kinds for path in (ZOO / kind).glob("*.py"))


@pytest.mark.parametrize("member", members("correct"))
def test_no_false_alarm(member):
    guarantees = Guarantees.strict() if getattr(of(member), "STRICT", False) else None
    verdict = examine(open_target(f"{ZOO / member}:create", guarantees=guarantees), seed=1, seconds=60, schedules=1_000)
    violations = [(c.name, v.message, v.timeline) for c in verdict.checks for v in c.violations]
    assert not violations, violations[0][2]
    assert verdict.verdict == "pass"
    assert verdict.explored.schedules == 1_000


def of(member):
    spec = importlib.util.spec_from_file_location(f"judged_{member.replace('/', '_')[:-3]}", ZOO / member)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def first_of_its_class(member, check):
    """The first run of all seeds in which the member's own check speaks, and the examination that played it."""
    for seed in SEEDS:
        examination = open_target(f"{ZOO / member}:create")
        for run in islice(explore(examination, seed, checks=(check,)), ENOUGH[member.partition("/")[0]]):
            if run.results[check].violations:
                return examination, run
            if run.number % 64 == 63:
                gc.collect()
    return None


@pytest.mark.parametrize("member", members("defective", "deep"))
def test_found_and_told_by_its_class(member):
    module = of(member)
    examination = open_target(f"{ZOO / member}:create")
    if module.DEFECT == "growth":
        verdict = examine(examination, seed=1, seconds=10, schedules=300, checks=(module.CHECK,))
        assert verdict.checks[0].verdict == "fail"
        return
    with many_runs():
        found = first_of_its_class(member, module.CHECK)
        assert found is not None, f"{member} escapes"
        examination, run = found
        violation = run.results[module.CHECK].violations[0]
        told = violation_of(
            examination, module.CHECK, violation.cause, run.strategy, run.program, run.tape, time.monotonic() + 0.3
        )
    assert told is not None, "it does not replay"
    assert told.cause == violation.cause
    assert told.timeline
