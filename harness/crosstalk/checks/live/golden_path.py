"""Every run arrives complete and in Golden Path order on the connection that asked for it, live.

Judged on the connection that asked (for runs caused otherwise, on every connection it was owed to), when that was
healthy to the end: it answered a ping after the last moment at which the run was to be complete, so nothing is still
under way on it. One opportunity a run and such connection.
"""

from __future__ import annotations

from collections import defaultdict

from crosstalk.checks.live.arrived import owed, received
from crosstalk.checks.result import Result
from crosstalk.model.golden_path import Grammar
from crosstalk.model.history import Violation
from crosstalk.model.live_history import LiveHistory


def check(history: LiveHistory) -> Result:
    result = Result()
    arrived = received(history)
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, connections in owed(history).items():
        run = history.runs[number]
        for episode in connections[:1] if run.episode >= 0 else connections:
            result.opportunities += 1
            got = [history.types[type_] for type_ in arrived.get((number, episode), ())]
            departure = history.grammar.departure(got)
            if departure is None:
                continue
            user = history.users[run.user]
            shown = ", ".join(type_ for type_ in got if type_ in history.grammar.alphabet) or "nothing"
            waited = history.final_quiet - run.started
            message = f"run {run.number} of {user!r} arrived as: {shown}; {departure}"
            if history.seconds and departure.rpartition("came ")[2].startswith("nothing"):
                message += f", in {waited:.1f} s on a connection that was healthy afterwards"
            cause = "incomplete" if "nothing more" in departure else "grammar"
            if not rows:
                for row, place in enumerate(zip(history.at_run, history.at_episode, strict=True)):
                    rows[place].append(row)
            mine = rows.get((number, episode), [-1])
            wrong = -1 if cause == "incomplete" else mine[_departs(history.grammar, got)]
            result.violations.append(
                Violation("golden_path", message, (user,), mine[-1], cause, wrong, run=number, episode=episode)
            )
    return result


def _departs(grammar: Grammar, got: list[str]) -> int:
    """Which of the event types is the first that was not due."""
    return next(
        at for at in range(len(got)) if "nothing more" not in (grammar.departure(got[: at + 1]) or "nothing more")
    )
