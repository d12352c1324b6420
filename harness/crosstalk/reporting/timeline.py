"""The picture in text: one column a user, time downwards, the offending line marked."""

from __future__ import annotations

from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, NEVER, History, Violation

_WORDS = {ACCEPTED: "ok", FAILED: "raised", CANCELLED: "cancelled"}


def printable(text: str) -> str:
    """`text` without anything that a terminal or a bidirectional reader would obey."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def timeline(history: History, violation: Violation | None = None, width: int = 34) -> str:
    """The history as lines of text; the violation's line starts with `>>`."""
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
        text = f"<- #{frame.content}" if frame.content >= 0 else "<- frame"
        if frame.content >= 0:
            owners = history.contents[frame.content].users
            if episode.user not in owners:
                text += f" OF {printable(history.users[min(owners)])}"
        text += f" on socket {episode.socket}"
        lines.append((start, episode.user, text, violation is not None and violation.send == row))
    for time, note in history.notes:
        lines.append((time, -1, note, False))
    lines.sort(key=lambda line: line[0])
    head = "   " + "".join(printable(user)[: width - 2].ljust(width) for user in history.users)
    rows = [head.rstrip()]
    for _, user, text, marked in lines:
        column = f"-- {printable(text)}" if user < 0 else " " * (width * user) + text
        rows.append(((">> " if marked else "   ") + column).rstrip())
    if violation is not None:
        rows.append(f">> {violation.check}: {printable(violation.message)}")
    return "\n".join(rows)
