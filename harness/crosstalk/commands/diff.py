"""`crosstalk diff OLD NEW`: what changed between two verdicts. Exit code 1 when something became worse."""

from __future__ import annotations

from pathlib import Path

import click

from crosstalk.reporting.difference import difference, lines
from crosstalk.reporting.legible import printable
from crosstalk.reporting.reading import NoVerdict, read_verdict


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def diff(old: Path, new: Path) -> None:
    """Say which defects are new, gone or still there between the verdicts OLD and NEW."""
    try:
        found = difference(read_verdict(old), read_verdict(new))
    except NoVerdict as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    click.echo("\n".join(lines(found)))
    raise SystemExit(1 if found.worse else 0)
