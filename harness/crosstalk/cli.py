"""The `crosstalk` command: a table of its commands, each imported when it is first asked for.

Exit codes: 0 pass, 1 a check failed, 2 usage error or no target, 3 verdict unknown.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

GROUPS = {
    "Judge": {
        "check": "a broadcaster, or an ASGI application, in this process",
        "smoke": "a live system, with users who log in",
        "refusals": "who gets into a live system, and must not",
    },
    "Understand": {
        "explain": "a finding, in sentences",
        "replay": "play a finding again, exactly; step by step, or in pdb",
        "report": "HTML, Markdown, SARIF, badge, picture or Allure of a verdict",
        "diff": "what is new, gone or still there between two verdicts",
        "evidence": "a bundle for auditors: HIPAA, SOC 2, SEC",
    },
    "Merge several broadcasters into one": {
        "audit": "who broadcasts to users, in the code",
        "equivalent": "would anybody notice NEW instead of OLD?",
        "cutover": "can users be moved while they are connected?",
        "compare": "is NEW faster and leaner?",
        "soak": "does it last, and does it scale?",
    },
}
COMMANDS = [name for commands in GROUPS.values() for name in commands]


class _Commands(click.Group):
    """The commands of the table; each is of its name in a module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return COMMANDS

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"crosstalk.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([*commands.items()])


@click.group(cls=_Commands)
@click.version_option(package_name="pytest-crosstalk", message="crosstalk %(version)s")
def cli() -> None:
    """Prove or refute that a WebSocket broadcaster never sends one user's events to another."""
    if os.environ.get("PYTHONHASHSEED") is None and sys.argv[0].endswith("crosstalk"):
        # sets of strings iterate by hash: a replay is exact only under the same one
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    cli()
