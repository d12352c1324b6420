"""What a user gives to replay or explain: a token, or a verdict.json (or its folder), or a saved failure."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import msgspec

from crosstalk.examination import Examination, open_target
from crosstalk.exhibit import first
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.history import History, Violation
from crosstalk.model.verdict import FoundViolation
from crosstalk.reporting.again import again
from crosstalk.reporting.legible import printable
from crosstalk.reporting.reading import read_verdict
from crosstalk.scenarios.token import Counterexample, read
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.targets.loader import TargetError, digest


def opened(given: str, number: int = 1) -> tuple[Counterexample, Examination]:
    """The counterexample and its target; says so on standard error where the target has changed since.

    Leaves the command with exit code 2 and one sentence where there is none.
    """
    try:
        token = _token(given, number)
        example = read(token)
        _refuse_two(example.target, token)
        guarantees = msgspec.convert(example.guarantees, Guarantees)
        examination = open_target(example.target, names=example.names, guarantees=guarantees)
    except (ValueError, msgspec.MsgspecError, TargetError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    if example.digest and digest(example.target) not in ("", example.digest):
        click.echo(
            f"crosstalk: {printable(example.target)} has changed since this token was made; this is what it does now",
            err=True,
        )
    return example, examination


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


def _refuse_two(target: str, token: str) -> None:
    """Of two broadcasters only the command that made the token can play it. Raises ValueError."""
    old, moved, rest = target.partition(" -> ")
    new, _, switch = rest.rpartition(" by ")
    if moved:
        words: tuple[str, ...] = ("cutover", old, new, "--switch", switch)
    elif "\n" in target:
        words = ("equivalent", *target.split("\n", 1))
    else:
        return
    raise ValueError(f"this token is of {words[0]}: {shlex.join(('crosstalk', *words, '--replay', token))} plays it")


def found_live(given: str, number: int = 1) -> tuple[str, FoundViolation] | None:
    """The check and the violation of a verdict.json (or its folder), where that was seen on a live system.

    Leaves the command as `opened` does.
    """
    path = Path(given)
    try:
        found = _violation(path, number) if _is_verdict(path) else None
    except ValueError as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    return found if found is not None and not found[1].replay else None


def _is_verdict(path: Path) -> bool:
    try:
        return not str(path).startswith("ct") and path.exists() and path.suffix != ".txt"
    except OSError:  # too long for a name
        return False


def _violation(path: Path, number: int) -> tuple[str, FoundViolation]:
    violations = [(check.name, violation) for check in read_verdict(path).checks for violation in check.violations]
    if not violations:
        raise ValueError(f"{path} holds no violation to replay")
    if number > len(violations):
        raise ValueError(f"{path} holds {len(violations)} violations: there is no number {number}")
    return violations[number - 1]


def _token(given: str, number: int) -> str:
    path = Path(given)
    if not _is_verdict(path):
        saved = not given.startswith("ct") and path.suffix == ".txt" and path.is_file()
        lines = path.read_text("utf-8", "replace").splitlines() if saved else [given]
        return next((line for line in lines if line.startswith("ct") or not saved), "")
    _, violation = _violation(path, number)
    if not violation.replay:
        how = f"; play the same programs again by: {again(violation)}" if again(violation) else ""
        raise ValueError(f"violation {number} of {given} was seen on a live system and has no exact replay{how}")
    return violation.replay


def interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
