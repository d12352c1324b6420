"""The picture of a live violation in text: a column a user, seconds downwards, the offending line marked."""

from __future__ import annotations

from crosstalk.model.history import Violation
from crosstalk.model.live_history import BASES, NEVER, NOT_STARTED, LiveHistory
from crosstalk.reporting.timeline import printable

BEFORE, AFTER, WIDTH = 24, 6, 44


def live_timeline(history: LiveHistory, violation: Violation) -> str:
    """What the users concerned did and received around the violation, and the offending frame, redacted."""
    users = [number for number, user in enumerate(history.users) if user in violation.users]
    columns = {user: place for place, user in enumerate(users)}
    lines = sorted(_lines(history, set(users), violation), key=lambda line: line[0])
    marked = next((at for at, line in enumerate(lines) if line[3]), len(lines) - 1)
    shown = lines[max(0, marked - BEFORE) : marked + AFTER + 1]
    rows = ["   seconds  " + "".join(printable(history.users[u])[: WIDTH - 2].ljust(WIDTH) for u in users).rstrip()]
    if marked > BEFORE:
        rows.append(f"   ... {marked - BEFORE} earlier lines")
    for time, user, text, mark in shown:
        rows.append(f"{'>>' if mark else '  '} {time:8.3f} {' ' * WIDTH * columns[user]} {text}".rstrip())
    if len(lines) > marked + AFTER + 1:
        rows.append(f"   ... {len(lines) - marked - AFTER - 1} later lines")
    if violation.send in history.excerpts:
        rows.append(f"   frame: {printable(history.excerpts[violation.send])}")
    rows.append(f">> {violation.check}: {printable(violation.message)}")
    return "\n".join(rows)


def _lines(history: LiveHistory, users: set[int], violation: Violation) -> list[tuple[float, int, str, bool]]:
    """(seconds, user, text, marked); of a run of which nothing came, that it was asked for is marked."""
    lines: list[tuple[float, int, str, bool]] = []
    for episode in history.episodes:
        if episode.user not in users:
            continue
        device = f"device {episode.device}"
        for time, text in (
            (episode.connecting, f"{device} connects ..."),
            (episode.connected, f"{device} is connected"),
            (episode.leaving, f"{device} leaves ..."),
            (episode.left, f"{device}: {episode.failed or episode.lost or 'has left'}"),
        ):
            if time != NEVER:
                lines.append((time, episode.user, printable(text)[: 2 * WIDTH], False))
        if episode.excused != NEVER and not episode.lost:
            lines.append((episode.excused, episode.user, f"{device}: {printable(episode.why)}", False))
    lines += [(time, min(users), f"-- {printable(text)}", False) for time, user, text in history.notes if user < 0]
    for number, run in enumerate(history.runs):
        if run.user in users:
            marked = violation.send < 0 and number == violation.run
            lines.append((run.started, run.user, f"asks for run {run.number}", marked))
            if run.status == NOT_STARTED:
                lines.append((run.returned, run.user, f"run {run.number} could not be asked for", False))
    for number, time in enumerate(history.at_time):
        episode = history.episodes[history.at_episode[number]]
        if episode.user not in users:
            continue
        text = f"<- {printable(history.types[history.at_type[number]]) or 'frame'}"
        owner, run_ = history.at_owner[number], history.at_run[number]
        if 0 <= owner != episode.user:
            text += f" OF {printable(history.users[owner])} (by its {BASES[history.at_basis[number]]})"
        elif run_ >= 0:
            text += f" of run {history.runs[run_].number}"
        lines.append((time, episode.user, f"{text} on device {episode.device}", number == violation.send))
    return lines
