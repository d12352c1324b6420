"""The zoo: correct broadcasters of different designs raise no alarm; defective ones are told by their defect."""

import re
from itertools import islice
from pathlib import Path

import pytest

from crosstalk.examination import examine, explore, open_target

ZOO = Path(__file__).parents[1] / "zoo"
ENOUGH = 6_000
"""Schedules within which a defect must show; most show within a hundred. Deep members take up to a minute each, too
long for every run of the tests: suites/bench says which are found, and how fast."""


def members(*kinds: str) -> list[str]:
    return sorted(str(path.relative_to(ZOO)) for kind in kinds for path in (ZOO / kind).glob("*.py"))


@pytest.mark.parametrize("member", members("correct"))
def test_no_false_alarm(member):
    verdict = examine(open_target(f"{ZOO / member}:create"), seed=1, seconds=60, schedules=1_500)
    violations = [(c.name, v.message, v.timeline) for c in verdict.checks for v in c.violations]
    assert not violations, violations[0][2]
    assert verdict.verdict == "pass"
    assert verdict.explored.schedules == 1_500


@pytest.mark.parametrize("member", members("defective"))
def test_detected(member):
    constants = dict(re.findall(r'^(CHECK|DEFECT) = "(\w+)"', (ZOO / member).read_text(), re.M))
    defect = re.search(r'^DEFECT, NEEDS = "(\w+)"', (ZOO / member).read_text(), re.M)
    check = constants["CHECK"]
    examination = open_target(f"{ZOO / member}:create")
    if (constants.get("DEFECT") or defect.group(1)) == "growth":
        verdict = examine(examination, seed=1, seconds=10, schedules=300, checks=(check,))
        assert verdict.checks[0].verdict == "fail"
        return
    runs = islice(explore(examination, seed=1), ENOUGH)
    assert any(run.results[check].violations for run in runs)
