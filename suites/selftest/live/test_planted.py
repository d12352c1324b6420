"""Live systems with one planted defect each are found out, by the right check; correct ones are accused of nothing."""

import planted
import pytest
from serving import SECRET, check, failed, judged, serving

from crosstalk.targets.reading import Pointers

DEFECTS = {
    planted.HeldCurrentUser: "isolation",
    planted.EverybodyWhenAbsent: "isolation",
    planted.Newcomers: "isolation",
    planted.NoEchoLeak: "isolation",
    planted.OwnIdsLeak: "isolation",
    planted.EnvelopeLeak: "isolation",
    planted.Misnamed: "ownership",
    planted.LastDeviceOnly: "golden_path",
    planted.TabClose: "golden_path",
    planted.ForgetsToFinish: "golden_path",
    planted.ToolsBackwards: "golden_path",
    planted.SaysTwice: "duplicate",
    planted.LateThought: "order",
}
RIGHT = (
    planted.Numbered,
    planted.NoEchoRight,
    planted.OwnIdsRight,
    planted.SenderOnly,
    planted.Remembers,
    planted.ReplaysToDevices,
    planted.Batches,
)


def verdict_on(kind, pace=0.01, **changes):
    numbered = issubclass(kind, planted.Numbered)
    read = Pointers(sequence=("/seq",)) if numbered else Pointers()
    with serving(lambda: kind(SECRET, pace).serving()) as url:
        return judged(url, read=read, **changes)


@pytest.mark.parametrize("kind", DEFECTS, ids=lambda kind: kind.__name__)
def test_a_planted_defect_is_found(kind):
    verdict = verdict_on(kind, run_seconds=1.5, duration=4.0)
    assert verdict.verdict == "fail"
    assert DEFECTS[kind] in failed(verdict), verdict
    found = check(verdict, DEFECTS[kind]).violations[0]
    assert found.timeline.startswith("   seconds")
    assert all(user.startswith("crosstalk-user-") for user in found.users)


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_correct_system_is_accused_of_nothing(kind):
    verdict = verdict_on(kind)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert verdict.controls and all(control.caught for control in verdict.controls)
    assert check(verdict, "isolation").opportunities > 100


def test_where_nothing_tells_whose_events_are_the_verdict_is_unknown():
    verdict = verdict_on(planted.NothingRight, run_seconds=1.0)
    assert check(verdict, "isolation").verdict == "unknown"
    assert not failed(verdict) - {"success"}
    assert any("nothing that tells whose they are" in note for note in verdict.notes)


def test_a_run_id_that_everybody_is_given_accuses_nobody():
    verdict = verdict_on(planted.SharedIdsRight)
    assert not failed(verdict), verdict
    assert check(verdict, "isolation").verdict == "pass"


def test_an_envelope_alone_is_judged_and_said_to_be_alone():
    verdict = verdict_on(planted.EnvelopeRight)
    assert not failed(verdict), verdict
    assert check(verdict, "isolation").verdict == "pass"
    assert "by envelope" in check(verdict, "isolation").reason
    assert any("does not send back what its users write" in note for note in verdict.notes)
