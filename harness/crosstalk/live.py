"""From a profile to a verdict: what `crosstalk smoke` and the smoke suite have in common."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import secrets
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from crosstalk.auth.carriers import NAME
from crosstalk.auth.configured import Configured, configured, holds_secret
from crosstalk.auth.redaction import Redactor
from crosstalk.demo.running import running
from crosstalk.live_examination import LiveSettings, Progress, Unreachable, examine_live
from crosstalk.model.golden_path import GOLDEN_PATH, Grammar
from crosstalk.model.verdict import CheckVerdict, Explored, Verdict
from crosstalk.profile import Profile, ProfileError, allowed
from crosstalk.targets.cause import Cause, HttpCall, cause
from crosstalk.targets.connection import Limits, Terms, verified_tls
from crosstalk.targets.transports import is_http, is_websocket, speaking, transport

DEMO = "the demonstration application"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything found out before the first connection is made."""

    profile: Profile
    url: str
    users: tuple[str, ...]
    log_in: Configured
    cause: Cause
    grammar: Grammar
    notes: tuple[str, ...] = ()


NOT_LOGGED_IN = (
    "users are not logged in: no --auth was given, and CROSSTALK_JWT_SECRET is not set (--auth none if that is meant)"
)


NO_CAUSE = (
    "what starts a run there? give --cause https://... (a POST to it, while the address itself is an event stream), "
    "module:callable, or start_agent, user_message, chat or JSON (posted to the address itself, which answers)"
)


def plan(profile: Profile, demo: tuple[str, str] | None = None) -> Plan:
    """What `profile` asks for, checked; `demo` is the demonstration's address and secret. Raises ValueError.

    Who says nothing of a log-in but has set CROSSTALK_JWT_SECRET gets an HS256 token for each user.
    """
    url = demo[0] if demo is not None else profile.url
    caused = cause(profile.cause or "start_agent", profile.cause_body)
    transport(url, caused.on_connection)
    if not profile.cause and is_http(url):
        raise ProfileError(NO_CAUSE)
    _check_spoken(profile, url, caused.on_connection)
    allowed(url, profile.allow_hosts)
    given = profile.auth or ("jwt" if os.environ.get("CROSSTALK_JWT_SECRET") else "none")
    if demo is not None:
        log_in = configured("jwt", environ={"CROSSTALK_JWT_SECRET": demo[1]})
    else:
        log_in = configured(given, where="--auth" if isinstance(given, str) else "the profile's auth")
    users = profile.names
    if log_in.users:
        if not isinstance(profile.users, int):
            missing = [name for name in users if name not in log_in.users]
            if missing:
                raise ProfileError(f"{missing[0]!r} has no token or password")
        else:
            users = log_in.users[: profile.users]
        if len(users) < 2:
            raise ProfileError("only one user can log in, and one user can receive nothing that belongs to another")
    if isinstance(caused, HttpCall):
        allowed(caused.url, profile.allow_hosts)
        caused = replace(caused, tls=trusting(profile))
    grammar = Grammar.parse(profile.grammar) if profile.grammar else GOLDEN_PATH
    notes = () if demo is not None or profile.auth or given == "jwt" else (NOT_LOGGED_IN,)
    return Plan(profile, url, users, log_in, caused, grammar, notes)


def _check_spoken(profile: Profile, url: str, on_connection: bool) -> None:
    """Whether what the profile has users say can be said. Raises ProfileError."""
    shown = (
        *(("hello", text) for text in (*profile.hello, profile.beat)),
        ("cause", profile.cause),
        ("cause", profile.cause_body),
    )
    for name, text in shown:
        if holds_secret(text) or (name == "hello" and "{token}" in text):
            raise ProfileError(
                f"--{name} is shown in reports, so that no token can stand in it: what tells who a user is goes into "
                "--auth, with carrier=message:... where it is said"
            )
    if (profile.hello or profile.beat) and is_http(url) and not on_connection:
        raise ProfileError("an event stream takes no messages: leave --hello out")
    for name in profile.subprotocol:
        if not NAME.fullmatch(name):
            raise ProfileError(f"{name!r} can't be a subprotocol: it has a character that HTTP forbids there")
    if profile.subprotocol and not is_websocket(url):
        raise ProfileError("only WebSockets have subprotocols: leave --subprotocol out")


def shard(planned: Plan, worker: str, workers: int) -> Plan:
    """The share of one of several workers (`gw0`, `gw1`, ...): other users, and its part of the rates."""
    number = int("".join(c for c in worker if c.isdigit()) or 0)
    users = planned.users[number::workers]
    if workers < 2 or len(users) < 2:
        return planned
    rates = {"rate": planned.profile.rate / workers, "connect_rate": planned.profile.connect_rate / workers}
    seed = planned.profile.seed + 7_919 * number
    return replace(planned, users=users, profile=msgspec.structs.replace(planned.profile, seed=seed, **rates))


def trusting(profile: Profile) -> ssl.SSLContext | None:
    """TLS that also trusts the profile's certificate authorities, None where it names none. Raises ProfileError."""
    if not profile.ca_file:
        return None
    try:
        return verified_tls(profile.ca_file)
    except OSError as error:
        raise ProfileError(f"{profile.ca_file} could not be read as certificates: {error.strerror or error}") from None


def settings(planned: Plan, journal: Path | None = None, target: str = "", again: str = "") -> LiveSettings:
    """How the examination goes about it."""
    profile = planned.profile
    return LiveSettings(
        planned.url,
        planned.users,
        planned.log_in.authenticator,
        planned.cause,
        profile.read,
        planned.grammar,
        profile.devices,
        profile.seconds,
        profile.seed,
        profile.run_seconds,
        profile.success,
        profile.latency_limit,
        profile.reconnect_limit,
        profile.connect_rate,
        profile.rate,
        profile.user_rate,
        planned.log_in.rate,
        profile.fan_out,
        profile.faults,
        Terms(
            Limits(profile.open_seconds, message_bytes=profile.message_bytes, compression=profile.compression),
            trusting(profile),
            profile.origin,
            profile.subprotocol,
        ),
        target or planned.url.partition("?")[0],
        journal,
        again,
        planned.notes,
        speaking(planned.url, planned.cause.on_connection, profile.hello, profile.beat, profile.beat_seconds),
    )


def examine(
    planned: Plan,
    *,
    journal: Path | None = None,
    target: str = "",
    again: str = "",
    progress: Callable[[Progress], None] | None = None,
) -> Verdict:
    """Examine the system, on uvloop where that is installed. Raises Unreachable."""
    chosen = settings(planned, journal, target, again)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(examine_live(chosen, Redactor(planned.log_in.secrets), progress))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def unreachable(target: str, seed: int, error: Unreachable) -> Verdict:
    """The verdict on a system that could not be examined: unknown, and why."""
    check = CheckVerdict("success", "unknown", 0, (), str(error))
    return Verdict("unknown", target, seed, (check,), (), Explored(0, 0, 0, 0, 0.0), notes=(str(error),))


@contextlib.contextmanager
def demonstration(wanted: bool) -> Iterator[tuple[str, str] | None]:
    """The demonstration application's address and the secret of its tokens, where it is wanted."""
    if not wanted:
        yield None
        return
    secret = secrets.token_hex(32)
    with running(secret) as url:
        yield url, secret
