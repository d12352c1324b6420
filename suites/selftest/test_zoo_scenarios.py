"""The zoo is right: each defective member's hand-made scenario shows its defect, and no correct member's does."""

import importlib.util
from pathlib import Path

import pytest

from crosstalk.checks import CHECKS
from crosstalk.examination import open_target
from crosstalk.reporting.timeline import timeline
from crosstalk.scenarios.stage import perform

pytestmark = pytest.mark.usefixtures("heap_set_aside")

ZOO = Path(__file__).parents[1] / "zoo"
DEFECTIVE = sorted(str(path.relative_to(ZOO)) for kind in ("defective", "deep") for path in (ZOO / kind).glob("*.py"))
CORRECT = sorted(str(path.relative_to(ZOO)) for path in (ZOO / "correct").glob("*.py"))


def loaded(member):
    spec = importlib.util.spec_from_file_location(f"zoo_{member.replace('/', '_')[:-3]}", ZOO / member)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def opened(member):
    return open_target(f"{ZOO / member}:create")


def violations(scenario, users, examination):
    history = perform(scenario, users, examination.factory, examination.adapter)
    history.workers = examination.workers
    assert history.complete or history.crashes
    return {name: (found, history) for name, check in CHECKS.items() if (found := check(history).violations)}


@pytest.mark.parametrize("member", DEFECTIVE)
def test_the_scenario_shows_the_defect(member):
    module = loaded(member)
    assert module.CHECK in violations(module.scenario, module.USERS, opened(member))


@pytest.mark.parametrize("member", CORRECT)
def test_a_correct_member_survives_every_scenario(member):
    examination = opened(member)
    for other in DEFECTIVE:
        module = loaded(other)
        for name, (found, history) in violations(module.scenario, module.USERS, examination).items():
            pytest.fail(f"scenario of {other}: {name}: {timeline(history, found[0])}")
