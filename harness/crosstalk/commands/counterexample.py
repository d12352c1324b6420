"""What a user gives to replay or explain: a token, a saved failure, or a file of findings, or its folder.

Files of findings are verdict.json, cutover.json and equivalent.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import click
import msgspec

from crosstalk.checks import CHECKS
from crosstalk.commands.describing import refuse
from crosstalk.consolidation.again import names_of
from crosstalk.examination import Examination, open_target
from crosstalk.exhibit import first
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import History, Violation
from crosstalk.model.migration import Cutover, Difference, Equivalence
from crosstalk.model.verdict import FoundViolation
from crosstalk.reporting.again import again
from crosstalk.reporting.legible import printable
from crosstalk.reporting.migration import NOTHING_BESIDE, beside
from crosstalk.reporting.reading import read_verdict
from crosstalk.scenarios.token import Counterexample, read
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.targets.loader import TargetError, digest


class Two(NamedTuple):
    """OLD and NEW of a counterexample of both; `switch` where users were moved between them."""

    token: str
    old: Examination
    new: Examination
    switch: str


def opened_two(given: str, number: int = 1) -> Two | None:
    """What a counterexample of `crosstalk cutover` or `equivalent` is of; None where it is of one broadcaster.

    Leaves the command as `opened` does.
    """
    try:
        token = token_of(given, number)
        example = read(token)
        old, moved, rest = example.target.partition(" -> ")
        new, _, switch = rest.rpartition(" by ")
        if not moved:
            old, several, new = example.target.partition("\n")
            if not several:
                return None
        else:
            _refuse_unknown(example.check)
        guarantees = msgspec.convert(example.guarantees, Guarantees)
        first, second = (
            open_target(spec, names=names_of(side, example.names), guarantees=guarantees)
            for side, spec in (("old", old), ("new", new))
        )
        return Two(token, first, second, switch)
    except (ValueError, msgspec.MsgspecError, TargetError) as error:
        refuse(str(error))


def opened(given: str, number: int = 1) -> tuple[Counterexample, Examination]:
    """The counterexample and its target; says so on standard error where the target has changed since.

    Leaves the command with exit code 2 and one sentence where there is none.
    """
    try:
        example = read(token_of(given, number))
        _refuse_unknown(example.check)
        guarantees = msgspec.convert(example.guarantees, Guarantees)
        examination = open_target(example.target, names=example.names, guarantees=guarantees)
    except (ValueError, msgspec.MsgspecError, TargetError) as error:
        refuse(str(error))
    if example.digest and digest(example.target) not in ("", example.digest):
        click.echo(
            f"crosstalk: {printable(example.target)} has changed since this token was made; this is what it does now",
            err=True,
        )
    return example, examination


def _refuse_unknown(check: str) -> None:
    if check not in CHECKS:
        raise ValueError(f"this token is of a check that this crosstalk does not know: {check!r}")


ATTEMPTS = 40


def occurring(example: Counterexample, examination: Examination) -> tuple[History, Violation | None]:
    """The counterexample played, and its violation; played again where that does not show, with memory laid out anew.

    A schedule decides everything but addresses: a set of objects that are hashed by theirs has another order in each
    process. Says so where it took several attempts.
    """
    kept: list[object] = []
    for attempt in range(1, ATTEMPTS + 1):
        history, _ = examination.run(example.program, Replay(example.tape))
        violation = first(history, example.check, example.cause)
        if violation is not None:
            break
        kept += [object(), SimpleNamespace(), [attempt]]
    if violation is not None and attempt > 1:
        click.echo(f"crosstalk: it shows in play {attempt}, not in those before: {_BY_ADDRESS}", err=True)
    return history, violation


_BY_ADDRESS = (
    "the broadcaster depends on addresses, such as a set of objects that define no __hash__, whose order no schedule "
    "decides"
)


def did_not_occur(example: Counterexample) -> str:
    """One sentence."""
    if example.digest in ("", digest(example.target)):
        return f"crosstalk: the violation did not occur in {ATTEMPTS} plays: it is mended elsewhere, or {_BY_ADDRESS}"
    return "crosstalk: the violation did not occur: the broadcaster is not the one the token was made from"


def found_live(given: str, number: int = 1) -> tuple[str, FoundViolation] | None:
    """The check and the violation of a file (or its folder), where that was seen on a live system.

    Leaves the command as `opened` does.
    """
    path = Path(given)
    try:
        check, found = _finding(path, number) if _is_result(path) else ("", None)
    except ValueError as error:
        refuse(str(error))
    return (check, found) if isinstance(found, FoundViolation) and not found.replay else None


def _is_result(path: Path) -> bool:
    try:
        return not str(path).startswith("ct") and path.exists() and path.suffix != ".txt"
    except OSError:  # too long for a name
        return False


def _finding(path: Path, number: int) -> tuple[str, FoundViolation | Difference]:
    """The check, or kind, and what was found, of the findings of a file or folder. Raises ValueError."""
    found = _findings(path)
    if not found:
        raise ValueError(f"{path} holds no finding to replay")
    if number > len(found):
        raise ValueError(f"{path} holds {len(found)} finding{'s' * (len(found) > 1)}: there is no number {number}")
    return found[number - 1]


def _findings(path: Path) -> list[tuple[str, FoundViolation | Difference]]:
    """Those of a verdict; of a cutover.json or equivalent.json, or where a folder has these and no verdict, of them."""
    folder = path.is_dir() and not (path / "verdict.json").exists()
    there = beside(path if folder else path.parent) if folder or path.name in RESULTS else NOTHING_BESIDE
    kinds = (RESULTS[path.name],) if path.name in RESULTS else (*RESULTS.values(),)
    results = [one for one in there.results if isinstance(one, kinds)]
    if path.name in RESULTS and not results:
        raise ValueError("; ".join(there.doubts))
    if not results:
        return [(check.name, violation) for check in read_verdict(path).checks for violation in check.violations]
    found: list[tuple[str, FoundViolation | Difference]] = []
    for one in results:
        if isinstance(one, Cutover):
            found += [(loss.check, loss.found) for loss in one.losses]
        elif isinstance(one, Equivalence):
            found += [(difference.kind, difference) for difference in one.differences]
    return found


RESULTS = {"cutover.json": Cutover, "equivalent.json": Equivalence}


def token_of(given: str, number: int) -> str:
    """The token that is `given`, or that a file holds. Raises ValueError."""
    path = Path(given)
    if not _is_result(path):
        saved = not given.startswith("ct") and path.suffix == ".txt" and path.is_file()
        lines = path.read_text("utf-8", "replace").splitlines() if saved else [given]
        return next((line for line in lines if line.startswith("ct") or not saved), "")
    _, found = _finding(path, number)
    if not found.replay:
        command = again(found) if isinstance(found, FoundViolation) else ""
        how = f"; play the same programs again by: {command}" if command else ""
        raise ValueError(f"violation {number} of {given} was seen on a live system and has no exact replay{how}")
    return found.replay


def interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
