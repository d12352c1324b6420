"""Options, environment and ini keys, read into one frozen Settings. Options > environment > ini > default.

Kept free of imports that cost time: every pytest run with the plugin installed reads this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DEFAULT_TARGET = "crosstalk.reference.hub:Hub"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name (ini key crosstalk_NAME, environment CROSSTALK_NAME), option, and what it says."""

    name: str
    option: str
    kind: str
    default: Any
    help: str


SETTINGS = (
    Setting(
        "broadcaster",
        "--broadcaster",
        "text",
        "",
        "The broadcaster to judge: module:attribute or path/to/file.py:attribute; an object, class or (async) factory.",
    ),
    Setting("budget", "--crosstalk-budget", "seconds", 20.0, "Seconds of exploration in all (default 20)."),
    Setting("seed", "--crosstalk-seed", "whole", 0, "Where the exploration starts; the same seed repeats it."),
    Setting("reports", "--crosstalk-reports", "text", "reports", "Folder that gets verdict.json (default reports)."),
    Setting("connect", "--crosstalk-connect", "text", "", "Name of the broadcaster's connect method."),
    Setting("disconnect", "--crosstalk-disconnect", "text", "", "Name of the broadcaster's disconnect method."),
    Setting(
        "publish",
        "--crosstalk-publish",
        "text",
        "",
        "Name of the method that sends an event to one user; of an ASGI application 'POST /path', module:function "
        "or message.",
    ),
    Setting("strict", "--crosstalk-strict", "flag", False, "Hold the broadcaster to the strict guarantees."),
    Setting(
        "guarantee",
        "--crosstalk-guarantee",
        "list",
        (),
        "NAME=VALUE, may be repeated: what the broadcaster promises (see crosstalk.Guarantees).",
    ),
    Setting(
        "grammar", "--crosstalk-grammar", "text", "", "The event types of one run in order, such as 'a b+ (c|d)?'."
    ),
    Setting(
        "failures",
        "--crosstalk-failures",
        "text",
        "",
        "Folder of saved counterexamples, replayed first and kept (default: failures in the reports folder, "
        "where those that pass are dropped).",
    ),
    Setting("open", "--crosstalk-open", "text", "", "Of an ASGI application: the path that users connect to."),
    Setting("header", "--crosstalk-header", "lines", (), "'Name: value' that connections and requests carry."),
    Setting("subprotocol", "--crosstalk-subprotocol", "lines", (), "A subprotocol that connections offer."),
    Setting("query", "--crosstalk-query", "lines", (), "name=value in the query of connections and requests."),
    Setting("cookie", "--crosstalk-cookie", "lines", (), "name=value, a cookie of connections and requests."),
    Setting("auth", "--crosstalk-auth", "text", "", "How users log in to it: jwt, token:FILE, none; see the README."),
    Setting("token", "--crosstalk-token", "text", "", "module:function that makes a user's token of the user's id."),
    Setting("hello", "--crosstalk-hello", "text", "", "What a client sends first on each connection."),
    Setting("ready", "--crosstalk-ready", "text", "", "When a connection is open: auto, accept or frame."),
    Setting("body", "--crosstalk-body", "text", "", "The request's body, or the user's message, as a template."),
    Setting(
        "read",
        "--crosstalk-read",
        "lines",
        (),
        "PART=POINTER: where events say their type, owner, run, thread, sequence.",
    ),
    Setting("publish_header", "--crosstalk-publish-header", "lines", (), "'Name: value' that publish requests carry."),
    Setting("profile", "--crosstalk-profile", "text", "", "How a live system is examined: NAME, or FILE.toml[:NAME]."),
    Setting(
        "against", "--crosstalk-against", "text", "", "The OLD broadcaster that --broadcaster is to replace: its SPEC."
    ),
    Setting(
        "against_name",
        "--crosstalk-against-name",
        "lines",
        (),
        "ROLE=NAME, may be repeated: a method of OLD, as publish=emit_to; of an application, as open=/ws/{user}.",
    ),
    Setting("switch", "--crosstalk-switch", "text", "drain", "How users move from OLD to it: drain, sticky, or SPEC."),
    Setting("allow", "--crosstalk-allow", "list", (), "A kind of difference from OLD that is meant."),
    Setting(
        "faster", "--crosstalk-faster", "share", None, "How much sooner events must arrive than with OLD, a percentage."
    ),
    Setting(
        "leaner",
        "--crosstalk-leaner",
        "share",
        None,
        "How much less memory it must keep for a connection, a percentage.",
    ),
)


REACHING = (
    "open",
    "header",
    "subprotocol",
    "query",
    "cookie",
    "auth",
    "token",
    "hello",
    "ready",
    "body",
    "read",
    "publish_header",
)
"""How an ASGI application is reached: what crosstalk.targets.asgi.options reads."""


class SettingError(ValueError):
    """A setting has a wrong value; the message is one sentence and names where it came from."""


@dataclass(frozen=True, slots=True)
class Settings:
    broadcaster: str
    budget: float
    seed: int
    reports: str
    connect: str
    disconnect: str
    publish: str
    strict: bool
    guarantee: tuple[str, ...]
    grammar: str
    failures: str
    open: str = ""
    header: tuple[str, ...] = ()
    subprotocol: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    cookie: tuple[str, ...] = ()
    auth: str = ""
    token: str = ""
    hello: str = ""
    ready: str = ""
    body: str = ""
    read: tuple[str, ...] = ()
    publish_header: tuple[str, ...] = ()
    profile: str = ""
    against: str = ""
    against_name: tuple[str, ...] = ()
    switch: str = "drain"
    allow: tuple[str, ...] = ()
    faster: float | None = None
    leaner: float | None = None

    @property
    def names(self) -> dict[str, str]:
        """How the target is called, by role: its methods' names, or how an ASGI application is reached."""
        given = {name: getattr(self, name) for name in ("connect", "disconnect", "publish", *REACHING)}
        return {name: value if isinstance(value, str) else "\n".join(value) for name, value in given.items() if value}


def read(
    option: Callable[[Setting], Any], environment: Callable[[str], str | None], ini: Callable[[Setting], Any]
) -> Settings:
    """The settings; raises SettingError. Each source answers None or "" where it says nothing."""
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        name = f"CROSSTALK_{setting.name.upper()}"
        for source, value in (
            (setting.option, option(setting)),
            (name, environment(name)),
            (f"crosstalk_{setting.name}", ini(setting)),
        ):
            if value is not None and value != "" and value != [] and value is not False:
                values[setting.name] = _converted(setting, value, source)
                break
        else:
            values[setting.name] = setting.default
    return Settings(**values)


def _converted(setting: Setting, value: Any, source: str) -> Any:
    if setting.kind in ("list", "lines"):
        if isinstance(value, str):
            value = (value.replace(",", "\n") if setting.kind == "list" else value).splitlines()
        return tuple(item.strip() for item in value if item.strip())
    if setting.kind == "flag":
        if value is True:
            return True
        if str(value).lower() in ("1", "true", "yes", "on"):
            return True
        if str(value).lower() in ("0", "false", "no", "off"):
            return False
        raise SettingError(f"{source} is {value!r}: give yes or no")
    if setting.kind == "text":
        return str(value)
    if setting.kind == "share":
        try:
            return share(str(value))
        except ValueError as error:
            raise SettingError(f"{source} is {error}") from None
    try:
        number = int(value) if setting.kind == "whole" else float(value)
    except ValueError:
        wanted = "a whole number" if setting.kind == "whole" else "a number of seconds"
        raise SettingError(f"{source} is {value!r}: give {wanted}") from None
    if setting.kind == "seconds" and not 0 < number < 1e9:
        raise SettingError(f"{source} is {value!r}: give more than 0 seconds")
    return number


def share(text: str) -> float:
    """20% as 0.2. Raises ValueError with what is wrong."""
    try:
        found = float(text.rstrip("%")) / 100
    except ValueError:
        found = -1.0
    if not 0 <= found < 1:
        raise ValueError(f"{text!r}: give a percentage from 0 to 99, such as 20%")
    return found
