"""The command that shows a violation once more."""

from __future__ import annotations

from crosstalk.model.verdict import FoundViolation


def again(violation: FoundViolation) -> str:
    """`crosstalk replay TOKEN`; of a live run what plays the same programs again; "" where there is none."""
    if violation.replay.startswith("ct"):
        return f"crosstalk replay {violation.replay}"
    return violation.sighting.command if violation.sighting is not None else violation.replay
