"""`crosstalk refusals URL`: who must not get in tries to, just after somebody who may; the verdict on that."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from crosstalk.auth.configured import AuthSettingError, configured
from crosstalk.commands.exit_codes import EXIT
from crosstalk.model.attempt import MUST
from crosstalk.model.verdict import Verdict
from crosstalk.reporting.timeline import printable

PRESET_NAMES = ("default", "strict", "none")


def _progress(quiet: bool) -> Callable[[str, int, int], None] | None:
    if quiet or os.environ.get("CI") or not sys.stderr.isatty():
        return None
    return lambda name, done, of: click.echo(f"\r{f'{done} of {of}: {name}':<60}", err=True, nl=done == of)


def _lines(verdict: Verdict) -> list[str]:
    """The verdict for a terminal."""
    [check] = verdict.checks
    lines = []
    for violation in check.violations:
        picture = [f"   {printable(line)}" for line in violation.timeline.splitlines()]
        lines += [f"authentication: {printable(violation.message)}", *picture, ""]
    lines += [f"note: {printable(note)}" for note in verdict.notes]
    reason = f"  ({printable(check.reason)})" if check.reason else ""
    lines.append(f"{check.verdict:8}{check.name:16}{check.opportunities:>12,} opportunities{reason}")
    caught = sum(control.caught for control in verdict.controls)
    lines.append(f"controls: {caught} of {len(verdict.controls)} sabotages caught on this target")
    lines.append(f"verdict: {verdict.verdict} for {printable(verdict.target)} in {verdict.explored.seconds:g} s")
    return lines


@click.command()
@click.argument("url")
@click.option(
    "--auth",
    default="jwt",
    metavar="TEXT",
    help="How users log in: none, token, jwt, oauth, login or call, with NAME=VALUE after it; see the README.",
)
@click.option("--preset", type=click.Choice(PRESET_NAMES), default="default", help="What must be refused.")
@click.option(
    "--must",
    multiple=True,
    metavar="NAME=WHAT",
    help=f"Another demand on one refusal: {', '.join(MUST)}; may be repeated.",
)
@click.option("--user", "users", multiple=True, metavar="ID", help="The users to log in as, twice, if not anybody can.")
@click.option("--message", default="", metavar="TEXT", help="What a user says to be answered, with {mark} in it.")
@click.option("--subscribe", default="", metavar="TEXT", help="The message that subscribes to the channel of {user}.")
@click.option("--origin", default="", metavar="URL", help="The server's own site (default: that of URL).")
@click.option("--patience", type=click.FloatRange(0.05, 60), default=2.0, help="Seconds that an answer may take.")
@click.option("--leeway", type=click.FloatRange(0, 600), default=5.0, help="Seconds that tokens may outlive their end.")
@click.option("--rate", type=click.FloatRange(min=0), default=20.0, help="Connections a second; 0 is no limit.")
@click.option("--allow-host", multiple=True, metavar="HOST", help="A host that is yours to try (loopback always is).")
@click.option("--reports", type=click.Path(file_okay=False, path_type=Path), default=Path("reports"))
@click.option("--quiet", "-q", is_flag=True, help="No progress line.")
def refusals(
    url: str,
    auth: str,
    preset: str,
    must: tuple[str, ...],
    users: tuple[str, ...],
    message: str,
    subscribe: str,
    origin: str,
    patience: float,
    leeway: float,
    rate: float,
    allow_host: tuple[str, ...],
    reports: Path,
    quiet: bool,
) -> None:
    """Try to get into the WebSocket server at URL with bad credentials and tricks, and judge who was let in."""
    try:
        _check_url(url, allow_host)
        verdict = asyncio.run(
            _examined(url, auth, preset, must, users, message, subscribe, origin, patience, leeway, rate, quiet)
        )
    except (ValueError, _Unexaminable) as error:
        click.echo(f"crosstalk: {printable(str(error))}", err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        click.echo("crosstalk: interrupted before there was a verdict; every connection was closed", err=True)
        raise SystemExit(3) from None
    click.echo("\n".join(_lines(verdict)))
    try:
        reports.mkdir(parents=True, exist_ok=True)
        (reports / "verdict.json").write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=2))
    except OSError as error:
        click.echo(f"crosstalk: the verdict could not be written: {error}", err=True)
        raise SystemExit(2) from None
    raise SystemExit(EXIT[verdict.verdict])


class _Unexaminable(Exception):
    pass


def _check_url(url: str, allowed: tuple[str, ...]) -> None:
    from crosstalk.auth.exchange import is_loopback

    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not url.startswith(("ws://", "wss://")) or not host:
        raise ValueError(f"{url!r} is no WebSocket URL: give ws://HOST/PATH or wss://HOST/PATH")
    if not is_loopback(url) and host not in allowed:
        raise ValueError(f"{host} is not among the hosts that may be tried: say --allow-host {host} if it is yours")


async def _examined(
    url: str,
    auth: str,
    preset: str,
    must: tuple[str, ...],
    users: tuple[str, ...],
    message: str,
    subscribe: str,
    origin: str,
    patience: float,
    leeway: float,
    rate: float,
    quiet: bool,
) -> Verdict:
    found = configured(auth)
    try:
        from crosstalk.auth.carried import Carried
        from crosstalk.auth.examination import examine_refusals
        from crosstalk.auth.ground import MESSAGE, Site
        from crosstalk.auth.http_login import CookieLogin
        from crosstalk.auth.rate import Rate
        from crosstalk.auth.redaction import Redactor
        from crosstalk.auth.refusal_run import Unexaminable
        from crosstalk.auth.refusals import demanded
    except ModuleNotFoundError as error:
        raise AuthSettingError(
            f"refusals need {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'"
        ) from None
    authenticator = found.authenticator
    carrier = authenticator.carrier.kind if isinstance(authenticator, Carried) else ""
    if isinstance(authenticator, CookieLogin):
        carrier = "cookie"
    changes = dict(pair.partition("=")[::2] for pair in must)
    demands = demanded(preset, changes, carrier=carrier)
    named = users or found.users[:2]
    site = Site(url, message or MESSAGE, subscribe, origin, patience, leeway)
    try:
        verdict, _ = await examine_refusals(
            site,
            authenticator,
            demands,
            redactor=Redactor(found.secrets),
            users=named,
            rate=Rate(rate, 5),
            logins=found.rate,
            progress=_progress(quiet),
        )
        return verdict
    except Unexaminable as error:
        raise _Unexaminable(str(error)) from None
    finally:
        await authenticator.close()
