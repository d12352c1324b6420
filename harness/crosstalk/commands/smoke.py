"""`crosstalk smoke [URL]`: simulated users on a live system, all at the same time, and what that proves."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from crosstalk.commands.describing import DEVICES, described, describing, refuse, seconds
from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import REPORTS
from crosstalk.profile import Profile
from crosstalk.reporting.timeline import printable


@click.command()
@click.argument("url", default="")
@describing()
@click.option("--duration", callback=seconds, default=None, metavar="TIME", help="Seconds, or 10m, 1h (default 15).")
@DEVICES
@click.option("--user-rate", type=float, default=None, help="Messages of one user a second, at most (default: any).")
@click.option("--latency-limit", callback=seconds, default=None, metavar="TIME", help="To the first event, for 95 %.")
@click.option("--reconnect-limit", callback=seconds, default=None, metavar="TIME", help="To reconnect, for 95 %.")
@click.option(
    "--success", type=float, default=None, help="The share of what is tried that must succeed (default 0.99)."
)
@click.option("--fan-out", type=click.Choice(["auto", "all", "sender"]), default=None, help="Which devices get events.")
@click.option(
    "--refusals",
    type=click.Choice(["default", "strict", "none"]),
    default=None,
    help="Who must not get in is tried at the end; none leaves that out.",
)
@click.option("--no-faults", is_flag=True, help="No resets, no silent and no slow users.")
@click.option("--seed", type=int, default=None, help="What the users' programs are drawn from (default 0).")
@REPORTS
@click.option(
    "--from-journal", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Judge a live.jsonl."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def smoke(
    url: str, named: str, reports: Path, from_journal: Path | None, dry_run: bool, quiet: bool, **options: Any
) -> None:
    """Judge the live system at URL: ws(s):// for WebSocket, http(s):// for server-sent events, .../socket.io.

    Without URL, a demonstration application on this machine.
    """
    try:
        from crosstalk.live import DEMO, demonstration, examine, plan, unreachable
        from crosstalk.live_examination import Unreachable
        from crosstalk.live_refusals import added, again_with
    except ModuleNotFoundError as error:
        refuse(f"a live examination needs {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'")
    from crosstalk.reporting import github
    from crosstalk.reporting.folder import leave
    from crosstalk.reporting.live_terminal import live_summary
    from crosstalk.reporting.progress import living, progress, refusing

    if from_journal is not None:
        _judge_journal(from_journal)
    reached = True
    try:
        faults = False if options.pop("no_faults") else None
        made = described(named, options, url=url or None, faults=faults)
        demo = not made.url
        if dry_run:
            click.echo(_would(made, demo))
            return
        _prepare(reports)
        with demonstration(demo) as running, progress(quiet) as show:
            planned = plan(made, running)
            target = DEMO if demo else made.url.partition("?")[0]
            try:
                verdict = examine(
                    planned,
                    journal=reports / "live.jsonl",
                    target=target,
                    again=_again(url, named, made.seed, options),
                    progress=living(show),
                )
                # logged in afresh: what the run held belongs to an event loop that has ended
                verdict = added(
                    verdict, plan(made, running), again=again_with(url, named, _shown(options)), progress=refusing(show)
                )
            except Unreachable as error:
                reached = False
                verdict = unreachable(target, made.seed, error)
    except ValueError as error:
        refuse(printable(str(error)))
    except OSError as error:
        refuse(f"{error.filename or 'a file'} could not be used: {error.strerror or error}")
    try:
        shown = leave(verdict, reports)
    except OSError as error:
        refuse(f"the verdict could not be written: {error}")
    if not reached:
        refuse(printable(verdict.notes[0]))
    click.echo(live_summary(verdict))
    if github.is_there():
        click.echo("\n".join(github.workflow_commands(verdict)))
        github.append_summary(verdict)
    click.echo(f"report: {printable(str(shown))}")
    raise SystemExit(EXIT[verdict.verdict])


def _judge_journal(path: Path) -> None:
    from crosstalk.live_recovery import recovered
    from crosstalk.reporting.live_terminal import live_summary

    try:
        verdict = recovered(path)
    except ValueError as error:
        refuse(printable(str(error)))
    except OSError as error:
        refuse(f"{path} could not be read: {error.strerror or error}")
    click.echo(live_summary(verdict))
    raise SystemExit(EXIT[verdict.verdict])


def _prepare(reports: Path) -> None:
    reports.mkdir(parents=True, exist_ok=True)
    (reports / "verdict.json").unlink(missing_ok=True)  # no old verdict for a run that doesn't come to its end


def _again(url: str, named: str, seed: int, options: dict[str, Any]) -> str:
    """The command that plays the same programs again; secrets are never in it."""
    words = ["crosstalk", "smoke", *([url.partition("?")[0]] if url else []), *(["--profile", named] if named else [])]
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if name == "seed" or value is None or value == () or value == {}:
            continue
        if name == "read":
            words += [w for part, pointers in value.items() for p in pointers for w in (option, f"{part}={p}")]
        elif isinstance(value, tuple):
            words += [word for item in value for word in (option, item)]
        else:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join([*words, "--seed", str(seed)])


def _shown(options: dict[str, Any]) -> list[str]:
    """Those of the options that `crosstalk refusals` takes too, as they are typed."""
    names = ("auth", "cause", "connect_rate", "origin", "ca_file")
    words = [w for n in names if options[n] is not None for w in ("--" + n.replace("_", "-"), str(options[n]))]
    words += [w for n in ("hello", "subprotocol") for text in options[n] or () for w in (f"--{n}", text)]
    return [*words, *(word for host in options["allow_host"] for word in ("--allow-host", host))]


def _would(made: Profile, demo: bool) -> str:
    """What a run would do, without having done anything."""
    from crosstalk.live import DEMO, plan
    from crosstalk.live_refusals import not_tried
    from crosstalk.targets.cause import Asked, HttpCall, Message, filled

    planned = plan(made, ("ws://127.0.0.1:1/ws", "x" * 64) if demo else None)
    asked = Asked(planned.users[0], "ctk_" + "0" * 44, "RUN-ID", "THREAD-ID")
    if isinstance(planned.cause, Message):
        how = "by the message " + filled(planned.cause.template, asked, lambda value: value)
    elif isinstance(planned.cause, HttpCall):
        how = f"by a POST to {planned.cause.url.partition('?')[0]}"
    else:
        how = f"by calling {made.cause}"
    lines = [
        f"target: {DEMO if demo else made.url.partition('?')[0]}",
        f"users: {len(planned.users):,}, {planned.users[0]!r} to {planned.users[-1]!r}, {made.devices} devices each",
        f"log-in: {planned.log_in.said}",
        f"runs: started {how}",
        f"limits: {made.seconds:g} s and the end of the last runs ({made.run_seconds:g} s at most), "
        f"{made.rate:g} messages and {made.connect_rate:g} new connections a second"
        + (f", {made.user_rate:g} messages of one user" if made.user_rate else ""),
        f"refusals: {not_tried(planned) or f'tried at the end ({made.refusals})'}",
        f"faults: {'resets, silent and slow users' if made.faults else 'none'}",
        *(f"note: {note}" for note in planned.notes),
        "nothing has been connected to",
    ]
    return "\n".join(printable(line) for line in lines)
