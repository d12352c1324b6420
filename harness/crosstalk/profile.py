"""A profile: how one live system is examined, and what may be done to it at most.

It stands in `[tool.crosstalk.profile.NAME]` of pyproject.toml, or in a TOML file of its own (`staging.toml`, or
`profiles.toml:NAME`). What is given on the command line goes before it, but never beyond its limits: a host that is not
allowed, more users, seconds or messages than `max_…` say, are refused.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from crosstalk.targets.reading import Pointers


class ProfileError(ValueError):
    """A profile, or what was asked for within it, can't be used; the message is one sentence."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Fields and defaults:

    url: the address, ws(s):// of a WebSocket, http(s):// of an event stream (SSE) or of what
    answers POSTs, .../socket.io of a Socket.IO server.
    auth: a text as for --auth, or a table.
    users: how many, or their names. user-name: how they are called, {number} being 1, 2, ...
    duration: seconds, or a text as 90s, 10m, 1h. rate, connect-rate: messages and new connections a second at most.
    user-rate: messages of one user a second at most, 0 for any number.
    devices: connections of a user at most. seed: what the programs are drawn from.
    cause: how a run is started: a preset (start_agent unless given), a JSON template, an http(s) address,
    module:callable; cause-body for HTTP.
    read: JSON Pointers to type, owner, run, thread, sequence, text (what is streamed in pieces). grammar: the event
    types of a run in order.
    run-seconds: how long a run may take. latency-limit: seconds to the first event, for 95 %. reconnect-limit: seconds
    to be connected again, for 95 %. success: the share that must succeed. fan-out: whether events go to all devices of
    a user, the asking one, or to be found out. faults: whether users reset connections, fall silent and read slowly.
    hello: what users say on each new connection, {user} being the user's id, each once what was said before has been
    answered. beat: what they say every beat-seconds to stay connected. subprotocol: those of WebSocket that are
    offered. origin: the Origin header. open-seconds: how long opening a connection may take.
    ca-file: further certificate authorities. message-bytes: the largest message. compression: permessage-deflate.
    refusals: a preset of what must not get in. must: another demand on one of them, by its name. subscribe: the message
    that subscribes to the channel of {user}. patience: seconds that an answer to one of them may take, leeway: seconds
    that tokens may outlive their end.
    allow-hosts: hosts that may be connected to, beside loopback.
    max-users, max-duration, max-rate, max-connect-rate: the budget that nothing may exceed.
    """

    url: str = ""
    auth: str | dict[str, Any] = ""
    users: int | tuple[str, ...] = 20
    user_name: str = "crosstalk-user-{number:04}"
    duration: float | str = 15.0
    rate: float = 100.0
    user_rate: float = 0.0
    connect_rate: float = 50.0
    devices: int = 2
    seed: int = 0
    cause: str = ""
    cause_body: str = ""
    read: Pointers = Pointers()
    grammar: str = ""
    run_seconds: float = 30.0
    latency_limit: float = 0.0
    reconnect_limit: float = 0.0
    success: float = 0.99
    fan_out: Literal["auto", "all", "sender"] = "auto"
    faults: bool = True
    hello: tuple[str, ...] = ()
    beat: str = ""
    beat_seconds: float = 15.0
    subprotocol: tuple[str, ...] = ()
    origin: str = ""
    open_seconds: float = 10.0
    ca_file: str = ""
    message_bytes: int = 1 << 20
    compression: bool = False
    refusals: Literal["default", "strict", "none"] = "default"
    must: dict[str, str] = {}
    subscribe: str = ""
    patience: float = 2.0
    leeway: float = 5.0
    allow_hosts: tuple[str, ...] = ()
    max_users: int = 5_000
    max_duration: float | str = "24h"
    max_rate: float = 2_000.0
    max_connect_rate: float = 500.0

    @property
    def seconds(self) -> float:
        return seconds_of(self.duration)

    @property
    def names(self) -> tuple[str, ...]:
        """The users' ids."""
        if not isinstance(self.users, int):
            return self.users
        try:
            names = tuple(self.user_name.format(number=number + 1) for number in range(self.users))
        except (KeyError, IndexError, ValueError, AttributeError):
            raise ProfileError(f"user-name {self.user_name!r} is no name with {{number}} in it") from None
        if len(set(names)) < len(names):
            raise ProfileError(f"user-name {self.user_name!r} gives all users the same name: put {{number}} into it")
        return names


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds_of(text: float | str) -> float:
    """Seconds: a number, or 90s, 10m, 1.5h. Raises ProfileError."""
    if isinstance(text, int | float):
        return float(text)
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise ProfileError(f"{text!r} is no duration: give seconds, or 90s, 10m, 1h")
    return float(found[1]) * _UNITS[found[2]]


def load(name: str, folder: Path | None = None) -> dict[str, Any]:
    """The table of profile `name`: one of pyproject.toml here or above, FILE.toml, or FILE.toml:NAME.

    Raises ProfileError.
    """
    here = folder or Path.cwd()
    file, colon, inner = name.rpartition(":") if ".toml:" in name else (name, "", "")
    if file.endswith(".toml"):
        table = _read(here / file)
        if not colon:
            return table
        profiles = table.get("tool", {}).get("crosstalk", {}).get("profile") or table
        return _chosen(profiles, inner, file)
    for place in (here, *here.parents):
        if (place / "pyproject.toml").is_file():
            table = _read(place / "pyproject.toml")
            profiles = table.get("tool", {}).get("crosstalk", {}).get("profile", {})
            return _chosen(profiles, name, str(place / "pyproject.toml"))
    raise ProfileError(f"there is no pyproject.toml here or above with a profile {name!r}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ProfileError(f"{path} could not be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path} is no TOML: {error}") from None


def _chosen(profiles: Any, name: str, file: str) -> dict[str, Any]:
    if not isinstance(profiles, dict) or not isinstance(profiles.get(name), dict):
        known = ", ".join(profiles) if isinstance(profiles, dict) and profiles else "none"
        raise ProfileError(f"{file} has no profile {name!r}; there are: {known}")
    return dict(profiles[name])


def profile(table: Mapping[str, Any], given: Mapping[str, Any], where: str) -> Profile:
    """The profile of `table` with what was `given` on the command line going before it. Raises ProfileError."""
    keys = {key.replace("_", "-"): value for key, value in table.items()}
    try:
        limits = msgspec.convert(keys, Profile)
    except msgspec.ValidationError as error:
        text = str(error).replace("Object contains ", "").replace("`", "'")
        raise ProfileError(f"{where}: {text[:1].lower()}{text[1:]}") from None
    changes = {key: value for key, value in given.items() if value is not None}
    allowed = (*limits.allow_hosts, *changes.pop("allow_hosts", ()))
    read = {**msgspec.structs.asdict(limits.read), **changes.pop("read", {})}
    try:
        made = msgspec.structs.replace(limits, **changes, allow_hosts=allowed, read=Pointers(**read))
    except ValueError as error:
        raise ProfileError(str(error)) from None
    _within(made)
    return made


def _within(made: Profile) -> None:
    count = made.users if isinstance(made.users, int) else len(made.users)
    for value, most, what in (
        (count, made.max_users, "users"),
        (made.seconds, seconds_of(made.max_duration), "seconds"),
        (made.rate, made.max_rate, "messages a second"),
        (made.connect_rate, made.max_connect_rate, "connections a second"),
    ):
        if value > most:
            raise ProfileError(f"{value:,g} {what} are more than the budget of {most:,g} allows")
        if value <= 0:
            raise ProfileError(f"{value:,g} {what}: give more than 0")
    if count < 2:
        raise ProfileError("one user can receive nothing that belongs to another: give 2 users or more")
    if not 1 <= made.devices <= 10:
        raise ProfileError(f"{made.devices} devices a user: give 1 to 10")
    if not 0 < made.success <= 1:
        raise ProfileError(f"success is a share of 0 to 1, and {made.success:g} is none")
    if min(made.run_seconds, made.open_seconds) <= 0 or min(made.latency_limit, made.reconnect_limit) < 0:
        raise ProfileError("run-seconds, open-seconds, latency-limit and reconnect-limit are seconds, and not below 0")
    if made.beat_seconds <= 0:
        raise ProfileError("beat-seconds is more than 0")
    if not 0.05 <= made.patience <= 60 or not 0 <= made.leeway <= 600:
        raise ProfileError("patience is 0.05 to 60 seconds, and leeway 0 to 600")
    if made.message_bytes < 125:
        raise ProfileError("message-bytes is the largest message that is received: give 125 or more")


def allowed(url: str, hosts: Iterable[str]) -> str:
    """The host of `url`. Raises ProfileError where it is neither loopback nor among `hosts`."""
    host = urlsplit(url).hostname or ""
    if not host:
        raise ProfileError(f"{url.partition('?')[0]!r} names no host")
    known = {name.strip().lower().rstrip(".") for name in hosts}
    if is_loopback(host) or host.lower().rstrip(".") in known:
        return host
    raise ProfileError(
        f"{host} is not among the hosts that may be tested: if it is yours to test, add --allow-host {host}, or "
        "allow-hosts to its profile"
    )


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
