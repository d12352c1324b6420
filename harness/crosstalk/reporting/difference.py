"""What changed between two verdicts: which defects are new, gone or still there, which checks became what.

Defects are told apart by check and cause, as a verdict does. It is a matter of reading, not of judging: what is worse
is said by the verdicts themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from crosstalk.model.verdict import CheckVerdict, FoundViolation, Outcome, Verdict
from crosstalk.reporting.again import again
from crosstalk.reporting.legible import legible

_RANK = ("pass", "unknown", "fail")


@dataclass(frozen=True, slots=True)
class Difference:
    appeared: tuple[tuple[str, FoundViolation], ...]
    gone: tuple[tuple[str, FoundViolation], ...]
    remaining: tuple[tuple[str, FoundViolation], ...]
    changed: tuple[tuple[str, CheckVerdict | None, CheckVerdict | None], ...]
    before: Verdict
    after: Verdict

    @property
    def worse(self) -> bool:
        """A new defect, or a check whose verdict fell, or one that is judged no more."""
        return bool(self.appeared) or any(
            now is None or (was is not None and _RANK.index(now.verdict) > _RANK.index(was.verdict))
            for _, was, now in self.changed
        )


def difference(before: Verdict, after: Verdict) -> Difference:
    old, new = _defects(before), _defects(after)
    was = {check.name: check for check in before.checks}
    now = {check.name: check for check in after.checks}
    names = list(dict.fromkeys([*was, *now]))
    return Difference(
        tuple((key[0], new[key]) for key in new if key not in old),
        tuple((key[0], old[key]) for key in old if key not in new),
        tuple((key[0], new[key]) for key in new if key in old),
        tuple((n, was.get(n), now.get(n)) for n in names if _outcome(was.get(n)) != _outcome(now.get(n))),
        before,
        after,
    )


def lines(found: Difference) -> list[str]:
    """For a terminal."""
    told = [f"verdict: {found.before.verdict} -> {found.after.verdict}"]
    if found.before.target != found.after.target:
        told.append(f"target: {legible(found.before.target, 200)} -> {legible(found.after.target, 200)}")
    for word, defects in (("new", found.appeared), ("gone", found.gone), ("still there", found.remaining)):
        for check, violation in defects:
            told.append(f"{word:12}{legible(check, 60)}: {legible(violation.message, 300)}")
            if word == "new" and again(violation):
                told.append(f"            replay: {legible(again(violation), 20_000)}")
    for check, was, now in found.changed:
        opportunities = f" ({now.opportunities:,} opportunities)" if now is not None else ""
        told.append(f"{'changed':12}{legible(check, 60)}: {_outcome(was)} -> {_outcome(now)}{opportunities}")
    if len(told) == 1:
        told.append("nothing changed: the same defects, the same verdict of every check")
    return told


def _outcome(check: CheckVerdict | None) -> Outcome | str:
    return check.verdict if check is not None else "not judged"


def _defects(verdict: Verdict) -> dict[tuple[str, str], FoundViolation]:
    return {(check.name, v.cause or v.message): v for check in verdict.checks for v in check.violations}
