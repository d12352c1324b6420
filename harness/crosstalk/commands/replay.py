"""`crosstalk replay TOKEN-OR-FILE`: play a minimal counterexample again, exactly, and print its timeline."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crosstalk.examination import find, open_target
from crosstalk.model.guarantees import Guarantees
from crosstalk.model.verdict import Verdict
from crosstalk.reporting.timeline import printable, timeline
from crosstalk.scenarios.token import read
from crosstalk.schedule.strategies.replay import Replay
from crosstalk.targets.loader import TargetError


@click.command()
@click.argument("token")
def replay(token: str) -> None:
    """Play the counterexample TOKEN (or the first one of a verdict.json) again, and print its timeline."""
    try:
        path = Path(token)
        if not token.startswith("ct1-") and path.is_file():
            verdict = msgspec.json.decode(path.read_bytes(), type=Verdict)
            tokens = [v.replay for c in verdict.checks for v in c.violations]
            if not tokens:
                raise ValueError(f"{token} holds no violation to replay")
            token = tokens[0]
        example = read(token)
        guarantees = msgspec.convert(example.guarantees, Guarantees)
        examination = open_target(example.target, names=example.names, guarantees=guarantees)
    except (ValueError, msgspec.MsgspecError, TargetError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    history, _ = examination.run(example.program, Replay(example.tape))
    violation = find(history, example.check, example.cause)
    click.echo(timeline(history, violation))
    if violation is None:
        click.echo("crosstalk: the violation did not occur: the broadcaster is not the one the token was made from")
        raise SystemExit(3)
    raise SystemExit(1)
