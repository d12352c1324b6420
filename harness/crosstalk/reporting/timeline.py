"""The picture in text: one column a user, time downwards, the offending line marked."""

from __future__ import annotations

from itertools import groupby

from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, NEVER, History, Violation
from crosstalk.reporting.legible import printable

__all__ = ["printable", "timeline"]

_WORDS = {ACCEPTED: "ok", FAILED: "raised", CANCELLED: "cancelled"}


def timeline(history: History, violation: Violation | None = None, width: int = 34) -> str:
    """The history as lines of text; the violation's line starts with `>>`.

    Of many users only those concerned are shown, of many lines the first and those about the violation; what is left
    out is counted.
    """
    if violation is not None and violation.cause.startswith("growth"):
        return _growth(history, violation)
    lines = _lines(history, violation)
    shown = list(range(len(history.users)))
    if len(shown) > FEW:
        concerned = [number for number, user in enumerate(history.users) if violation and user in violation.users]
        shown = (concerned or shown)[:FEW]
        lines = [line for line in lines if line[1] < 0 or line[1] in shown]
    columns = {user: column for column, user in enumerate(shown)}
    rows = ["   " + "".join(printable(history.users[user])[: width - 2].ljust(width) for user in shown).rstrip()]
    left_out = len(history.users) - len(shown)
    if left_out:
        rows.append(f"   ({left_out} other users are left out)")
    marked = next((index for index, line in enumerate(lines) if line[3]), len(lines) - 1)
    for index, (_, user, text, mark) in enumerate(lines):
        if LINES // 3 <= index < marked - LINES // 2 or index > marked + LINES // 3:
            if not rows[-1].startswith("   ..."):
                rows.append("   ...")
            continue
        column = f"-- {printable(text)}" if user < 0 else " " * (width * columns[user]) + text
        rows.append(((">> " if mark else "   ") + column).rstrip())
    if violation is not None:
        rows.append(f">> {violation.check}: {printable(violation.message)}")
    return "\n".join(rows)


FEW, LINES = 6, 120


def _growth(history: History, violation: Violation) -> str:
    rows = ["   departed users    events   objects     bytes reachable from the broadcaster"]
    rows += [f"   {c.departed:14,}{c.events:10,}{c.objects:10,}{c.bytes:10,}" for c in history.census]
    return "\n".join((*rows, f">> {violation.check}: {printable(violation.message)}"))


def _lines(history: History, violation: Violation | None) -> list[tuple[int, int, str, bool]]:
    """(time, user or -1, text, marked), in the order of time."""
    lines: list[tuple[int, int, str, bool]] = []
    for call in history.calls:
        what = call.kind
        if call.content >= 0:
            what = f"{'probe' if call.probe else 'publish'} #{call.content}"
        elif call.episode >= 0:
            what += f" socket {history.episodes[call.episode].socket}"
        lines.append((call.started, call.user, f"{what} ...", False))
        if call.returned != NEVER:
            lines.append((call.returned, call.user, f"{what} {_WORDS.get(call.status, '?')}", False))
    for row, start in enumerate(history.send_start):
        episode = history.episodes[history.send_episode[row]]
        frame = history.frames[history.send_frame[row]]
        carried = frame.carried
        text = "<- " + (" ".join(f"#{content}" for content in carried) or "frame")
        quoted = [c for c in carried + frame.others if episode.user not in history.contents[c].users]
        if quoted:
            owner = min(history.contents[quoted[0]].users)
            text += f" OF {printable(history.users[owner])}"
        text += f" on socket {episode.socket}"
        lines.append((start, episode.user, text, violation is not None and violation.send == row))
    lines += [(time, -1, note, False) for time, note in history.notes]
    lines.sort(key=lambda line: line[0])
    return [line for _, alike in groupby(lines, lambda line: line[1:3]) for line in _told_once([*alike])]


def _told_once(lines: list[tuple[int, int, str, bool]]) -> list[tuple[int, int, str, bool]]:
    """Of the same note several times running, one line."""
    time, user, text, mark = lines[0]
    return lines if user >= 0 or len(lines) == 1 else [(time, user, f"{text}, {len(lines)} times", mark)]
