"""The `crosstalk` command: a table of its commands, each imported when it is first asked for.

Exit codes: 0 pass, 1 a check failed, 2 usage error or no target, 3 verdict unknown.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

COMMANDS = {
    "check": "crosstalk.commands.check:check",
    "refusals": "crosstalk.commands.refusals:refusals",
    "replay": "crosstalk.commands.replay:replay",
    "explain": "crosstalk.commands.explain:explain",
    "report": "crosstalk.commands.report:report",
    "diff": "crosstalk.commands.diff:diff",
    "equivalent": "crosstalk.commands.equivalent:equivalent",
    "cutover": "crosstalk.commands.cutover:cutover",
    "audit": "crosstalk.commands.audit:audit",
    "compare": "crosstalk.commands.compare:compare",
    "soak": "crosstalk.commands.soak:soak",
    "evidence": "crosstalk.commands.evidence:evidence",
    "smoke": "crosstalk.commands.smoke:smoke",
}


class _Commands(click.Group):
    """The commands of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Commands)
def cli() -> None:
    """Prove or refute that a WebSocket broadcaster never sends one user's events to another."""
    if os.environ.get("PYTHONHASHSEED") is None and sys.argv[0].endswith("crosstalk"):
        # sets of strings iterate by hash: a replay is exact only under the same one
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    cli()
