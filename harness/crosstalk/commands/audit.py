"""`crosstalk audit PATH`: who broadcasts to a user in a source tree, and what is dangerous about it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from crosstalk.consolidation.audit import formats
from crosstalk.consolidation.audit.roles import Audit
from crosstalk.consolidation.audit.roles import audit as read
from crosstalk.reporting.timeline import printable


def others(result: Audit, expected: str) -> list[str]:
    """The real implementations beside `expected`. Raises ValueError when that is none itself."""
    real = [found.id for found in result.of("real")]
    mine = [id_ for id_ in real if id_ == expected or id_.endswith(f".{expected}")]
    if not mine:
        adapters = [found.id for found in result.of("adapter") if found.id.endswith(expected)]
        why = f"it only delegates, to {', '.join(_delegates(result, adapters[0]))}" if adapters else "there is none"
        raise ValueError(f"{expected} is no implementation of broadcasting to a user: {why}")
    return [id_ for id_ in real if id_ not in mine]


def _delegates(result: Audit, id_: str) -> tuple[str, ...]:
    found = next(found for found in result.found if found.id == id_)
    return found.delegates or ("somebody outside the tree",)


def grown(result: Audit, baseline: Path) -> tuple[list[str], list[str]]:
    """Implementations that the baseline doesn't know, and those that have gone. Raises ValueError, OSError."""
    try:
        known = msgspec.json.decode(baseline.read_bytes(), type=dict[str, list[str]])["implementations"]
    except (msgspec.MsgspecError, KeyError) as error:
        raise ValueError(f"{baseline} is no baseline of crosstalk audit: {error}") from None
    real = [found.id for found in result.of("real")]
    return [id_ for id_ in real if id_ not in known], [id_ for id_ in known if id_ not in real]


def _shown(result: Audit, format_: str) -> str:
    if format_ == "json":
        return msgspec.json.format(msgspec.json.encode(result), indent=2).decode()
    if format_ == "sarif":
        return json.dumps(formats.sarif(result), indent=2)
    return {"table": formats.table, "mermaid": formats.mermaid, "svg": formats.svg}[format_](result)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(["table", "json", "sarif", "mermaid", "svg"]), default="table")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
@click.option("--tests", is_flag=True, help="Read test files too.")
@click.option("--expect-single", default="", metavar="MODULE:NAME", help="Fail unless this is the only implementation.")
@click.option("--baseline", type=click.Path(dir_okay=False, path_type=Path), help="Fail on implementations not in it.")
@click.option("--write-baseline", is_flag=True, help="Take what is found now as the baseline, if it is no more.")
def audit(
    path: Path,
    format_: str,
    out: Path | None,
    tests: bool,
    expect_single: str,
    baseline: Path | None,
    write_baseline: bool,
) -> None:
    """Find every implementation of broadcasting to a user below PATH. Reads the code, and never runs it."""
    try:
        result = read(path, tests)
        shown = _shown(result, format_)
        if out is not None:
            out.write_text(shown + "\n", "utf-8")
        else:
            click.echo(shown)
        failed = _baseline(result, baseline, write_baseline) if baseline is not None else []
        if expect_single:
            more = others(result, expect_single)
            failed += [f"not single: {id_} broadcasts to a user too" for id_ in more]
    except (OSError, ValueError) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    for line in failed:
        click.echo(printable(line), err=True)
    raise SystemExit(1 if failed else 0)


def _baseline(result: Audit, path: Path, write: bool) -> list[str]:
    """What fails against the baseline at `path`; with `write` it is made, or made smaller, never larger."""
    if not path.exists() and not write:
        raise ValueError(f"there is no baseline {path}: make it with --write-baseline")
    more, gone = grown(result, path) if path.exists() else ([], [])
    if more:
        return [f"not in the baseline: {id_} broadcasts to a user" for id_ in more]
    if write and (gone or not path.exists()):
        real = [found.id for found in result.of("real")]
        path.write_bytes(msgspec.json.format(msgspec.json.encode({"implementations": real}), indent=2) + b"\n")
    elif gone:
        click.echo(f"{len(gone)} fewer than in the baseline: lower it with --write-baseline", err=True)
    return []
