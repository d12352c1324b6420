"""The zoo: correct broadcasters of different designs raise no alarm; defective ones are told by their defect."""

import re
from pathlib import Path

import pytest

from crosstalk.examination import examine, open_target

ZOO = Path(__file__).parents[1] / "zoo"


def members(kind: str) -> list[str]:
    return sorted(str(path.relative_to(ZOO)) for path in (ZOO / kind).glob("*.py"))


@pytest.mark.parametrize("member", members("correct"))
def test_no_false_alarm(member):
    verdict = examine(open_target(f"{ZOO / member}:create"), seed=1, seconds=60, schedules=1_500)
    violations = [(c.name, v.message, v.timeline) for c in verdict.checks for v in c.violations]
    assert not violations, violations[0][2]
    assert verdict.verdict == "pass"
    assert verdict.explored.schedules == 1_500


@pytest.mark.parametrize("member", members("defective"))
def test_detected(member):
    check = re.search(r'^CHECK = "(\w+)"', (ZOO / member).read_text(), re.M)
    assert check is not None
    verdict = examine(open_target(f"{ZOO / member}:create"), seed=1, seconds=60, schedules=3_000)
    assert check.group(1) in {c.name for c in verdict.checks if c.violations}
