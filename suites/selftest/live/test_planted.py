"""Live systems with one planted defect each are found out, by the right check; correct ones are accused of nothing."""

import xml.etree.ElementTree as ET

import planted
import pytest
from serving import SECRET, all_judged, check, failed

from crosstalk.reporting.picture import picture
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
    planted.TokensLeak: "golden_path",
}
RIGHT = (
    planted.Numbered,
    planted.NoEchoRight,
    planted.OwnIdsRight,
    planted.SenderOnly,
    planted.Remembers,
    planted.ReplaysToDevices,
    planted.Batches,
    planted.AsksToComeLater,
)


UNTOLD = (planted.NothingRight, planted.TokensRight, planted.SharedIdsRight, planted.EnvelopeRight)
ONE_DEVICE = (planted.TokensRight, planted.TokensLeak)


def case(kind, pace=0.01, **changes):
    read = Pointers(sequence=("/seq",)) if issubclass(kind, planted.Numbered) else Pointers()
    devices = 1 if kind in ONE_DEVICE else 2
    return lambda: kind(SECRET, pace).serving(), {"read": read, "devices": devices, **changes}


@pytest.fixture(scope="module")
def verdicts():
    """On every system of this module; they are examined at the same time, for most of it is waiting."""
    one = {planted.OneSession: case(planted.OneSession, run_seconds=3.0, duration=6.0)}
    defective = {kind: case(kind, run_seconds=2.0, duration=13.0) for kind in DEFECTS}
    defective[planted.HeldCurrentUser] = case(planted.HeldCurrentUser, 0.002, run_seconds=0.5, duration=18.0)
    one[planted.AsksToComeLater] = case(planted.AsksToComeLater, run_seconds=3.0, duration=9.0)  # most is waiting
    return all_judged(
        {**defective, **{kind: case(kind, run_seconds=3.0, duration=5.0) for kind in (*RIGHT, *UNTOLD)}, **one}
    )


@pytest.mark.parametrize("kind", DEFECTS, ids=lambda kind: kind.__name__)
def test_a_planted_defect_is_found(kind, verdicts):
    verdict = verdicts[kind]
    assert verdict.verdict == "fail"
    assert DEFECTS[kind] in failed(verdict), verdict
    found = check(verdict, DEFECTS[kind]).violations[0]
    assert found.timeline.startswith("   seconds")
    scene = found.exhibit.scene
    assert {*found.users} <= {*scene.users} and scene.culprit is not None
    assert scene.culprit.kind in ("missing", "act") or scene.clock[-1] == scene.clock[scene.culprit.time]
    assert ET.fromstring(str(picture(scene, DEFECTS[kind], found.message))).get("class") == "ctp"
    assert all(user.startswith("crosstalk-user-") for user in found.users)


def test_a_leak_is_played_again_and_made_smaller(verdicts):
    leaks = check(verdicts[planted.HeldCurrentUser], "isolation").violations
    assert all(0 <= leak.sighting.again <= leak.sighting.repeats <= 3 for leak in leaks)
    seen = next(leak.sighting for leak in leaks if leak.sighting.fewest)
    assert seen.fewest < 6 and 0 < seen.steps < 6 * 9, "less than the round of everybody that showed it first"
    assert seen.again >= 1


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_a_correct_system_is_accused_of_nothing(kind, verdicts):
    verdict = verdicts[kind]
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert verdict.controls and all(control.caught for control in verdict.controls)
    assert check(verdict, "isolation").opportunities > 50


def test_that_a_system_allows_one_connection_a_user_is_found_out(verdicts):
    verdict = verdicts[planted.OneSession]
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert any("users had one each (--devices 1)" in note for note in verdict.notes)
    assert check(verdict, "delivery").reason == "not applicable: each user has one device"


def test_where_nothing_tells_whose_events_are_the_verdict_is_unknown(verdicts):
    verdict = verdicts[planted.NothingRight]
    assert check(verdict, "isolation").verdict == "unknown"
    assert not failed(verdict)
    assert any("nothing that tells whose they are" in note for note in verdict.notes)

    assert "or --devices 1" in check(verdict, "golden_path").reason


def test_events_that_tell_nothing_are_judged_as_those_of_the_only_run_under_way(verdicts):
    verdict = verdicts[planted.TokensRight]
    assert check(verdict, "golden_path").verdict == "pass"
    assert check(verdict, "golden_path").opportunities >= 12
    assert any("golden_path judges them, isolation can't" in note for note in verdict.notes)
    assert check(verdict, "isolation").reason.endswith("by canary")


def test_a_run_id_that_everybody_is_given_accuses_nobody(verdicts):
    verdict = verdicts[planted.SharedIdsRight]
    assert not failed(verdict), verdict
    assert check(verdict, "isolation").verdict == "pass"


def test_an_envelope_alone_is_judged_and_said_to_be_alone(verdicts):
    verdict = verdicts[planted.EnvelopeRight]
    assert not failed(verdict), verdict
    assert check(verdict, "isolation").verdict == "pass"
    assert "by envelope" in check(verdict, "isolation").reason
    assert any("does not send back what its users write" in note for note in verdict.notes)
