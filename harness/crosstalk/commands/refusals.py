"""`crosstalk refusals [URL]`: who must not get in tries to, just after somebody who may; the verdict on that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crosstalk.commands.describing import OPTIONS
from crosstalk.commands.exit_codes import EXIT
from crosstalk.commands.sides import REPORTS
from crosstalk.model.attempt import MUST
from crosstalk.model.verdict import Verdict
from crosstalk.profile import load, profile
from crosstalk.reporting.folder import leave
from crosstalk.reporting.legible import printable
from crosstalk.reporting.progress import progress, refusing


@click.command()
@click.argument("url", default="")
@click.option(
    "--profile", "named", default="", metavar="NAME", help="A profile of pyproject.toml, or FILE.toml[:NAME]."
)
@click.option("--auth", default=None, metavar="HOW", help="How users log in (default jwt); see the README.")
@click.option(
    "--preset", "refusals", type=click.Choice(["default", "strict", "none"]), default=None, help="What must be refused."
)
@click.option(
    "--must", multiple=True, metavar="NAME=WHAT", help=f"Another demand on one refusal: {', '.join(MUST)}; repeatable."
)
@click.option("--user", "users", multiple=True, metavar="ID", help="Two users that exist, if not anybody can log in.")
@click.option(
    "--cause",
    default=None,
    help="What users say to be answered: start_agent, user_message, chat, JSON, or a URL.",
)
@OPTIONS["hello"]
@OPTIONS["subprotocol"]
@click.option("--subscribe", default=None, metavar="JSON", help="The message that subscribes to the channel of {user}.")
@click.option("--origin", default=None, metavar="URL", help="The server's own site (default: that of URL).")
@click.option("--patience", type=float, default=None, help="Seconds that an answer may take (default 2).")
@click.option("--leeway", type=float, default=None, help="Seconds that tokens may outlive their end (default 5).")
@click.option("--connect-rate", type=float, default=None, help="New connections a second, at most (default 50).")
@click.option("--allow-host", multiple=True, metavar="HOST", help="May be tried, beside loopback and the profile's.")
@click.option("--ca-file", default=None, metavar="FILE", help="Certificate authorities to trust besides the system's.")
@REPORTS
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
def refusals(
    url: str,
    named: str,
    must: tuple[str, ...],
    users: tuple[str, ...],
    allow_host: tuple[str, ...],
    reports: Path,
    quiet: bool,
    **options: Any,
) -> None:
    """Try to get into the system at URL with bad credentials and tricks; without URL, into a demonstration."""
    try:
        from crosstalk.auth.refusal_run import Unexaminable
        from crosstalk.live import DEMO, demonstration, plan
        from crosstalk.live_refusals import again_with, examine
    except ModuleNotFoundError as error:
        _refuse(f"refusals need {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'")
    try:
        table = load(named) if named else {}
        changes = {**table.get("must", {}), **dict(pair.partition("=")[::2] for pair in must)}
        given = {**options, "url": url or None, "users": users or None, "must": changes, "allow_hosts": allow_host}
        if not table.get("auth"):
            given["auth"] = options["auth"] or "jwt"
        made = profile(table, given, f"profile {named}")
        shown = [
            word
            for name, value in options.items()
            if value is not None and name != "refusals"
            for item in (value if isinstance(value, tuple) else (value,))
            for word in ("--" + name.replace("_", "-"), str(item))
        ]
        shown += [word for user in users for word in ("--user", user)]
        shown += [word for host in allow_host for word in ("--allow-host", host)]
        with demonstration(not made.url) as running, progress(quiet) as show:
            verdict = examine(
                plan(made, running),
                target=DEMO if running is not None else made.url.partition("?")[0],
                again=again_with(url, named, shown),
                progress=refusing(show),
            )
    except (ValueError, Unexaminable) as error:
        _refuse(printable(str(error)))
    except KeyboardInterrupt:
        click.echo("crosstalk: interrupted before there was a verdict; every connection was closed", err=True)
        raise SystemExit(3) from None
    click.echo("\n".join(_lines(verdict)))
    try:
        page = leave(verdict, reports)
    except OSError as error:
        _refuse(f"the verdict could not be written: {error}")
    click.echo(f"report: {printable(str(page))}")
    raise SystemExit(EXIT[verdict.verdict])


def _refuse(sentence: str) -> Any:
    click.echo(f"crosstalk: {sentence}", err=True)
    raise SystemExit(2) from None


def _lines(verdict: Verdict) -> list[str]:
    """The verdict for a terminal."""
    from crosstalk.reporting.live_terminal import live_findings, live_judgement

    return live_findings(verdict) + live_judgement(verdict)
