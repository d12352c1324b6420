"""Counterexamples kept as small text files, one a defect: to be shared, committed, and replayed first in the next run.

A file holds the token on a line of its own; the lines before it, which begin with #, tell a reader what it is about.
"""

from __future__ import annotations

from pathlib import Path

from crosstalk.model.verdict import FoundViolation, Verdict
from crosstalk.reporting.legible import printable
from crosstalk.reporting.rules import rule
from crosstalk.reporting.sarif import identity
from crosstalk.scenarios.token import Counterexample, read

MOST_BYTES = 1_000_000


def load(folder: Path) -> tuple[dict[Path, Counterexample], list[str]]:
    """The counterexamples in `folder`, and a sentence for each file that holds none. Without a folder: none."""
    found: dict[Path, Counterexample] = {}
    doubts: list[str] = []
    try:
        paths = sorted(folder.glob("*.txt"))
    except OSError:
        return {}, []
    for path in paths:
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError("this is too large for a saved counterexample")
            lines = path.read_text("utf-8", "replace").splitlines()
            found[path] = read(next((line for line in lines if line.strip() and not line.startswith("#")), ""))
        except (OSError, ValueError) as error:
            doubts.append(f"{path} is not replayed: {error}")
    return found, doubts


def keep(verdict: Verdict, folder: Path, saved: dict[Path, Counterexample], *, drop: bool) -> None:
    """Save each violation of the verdict that has a token; with `drop` remove those replayed that pass now.

    Raises OSError where the folder cannot be written.
    """
    violations = {(check.name, v.cause): v for check in verdict.checks for v in check.violations}
    judged = {check.name for check in verdict.checks}
    if drop and not verdict.interrupted:
        for path, example in saved.items():
            known = (example.check, example.cause) in violations
            if example.target == verdict.target and example.check in judged and not known:
                path.unlink(missing_ok=True)
    for (check, cause), violation in violations.items():
        known_by = _read(violation)
        if known_by is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{check}-{identity(known_by.target, check, cause)[:10]}.txt").write_text(
            f"# {check}: {printable(violation.message)}\n# target: {printable(known_by.target)}\n"
            f"# rule: {rule(check)}\n# play it again: crosstalk replay, with the line below or this file's name\n"
            f"{violation.replay}\n",
            "utf-8",
        )


def _read(violation: FoundViolation) -> Counterexample | None:
    """None where a verdict of another kind of run (a live one) has no token of ours."""
    try:
        return read(violation.replay)
    except ValueError:
        return None
