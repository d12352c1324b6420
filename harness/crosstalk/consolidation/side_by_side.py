"""Two histories of the same program beside each other, what differs marked.

Events are named by their user and number (alice 2 is the second event published for alice), which is the same on both
sides. Rows are aligned by their longest common parts.
"""

from __future__ import annotations

from collections import defaultdict
from difflib import SequenceMatcher

from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, NEVER, PENDING, Call, History
from crosstalk.reporting.timeline import printable

WIDTH = 56
LINES = 90


def side_by_side(old: History, new: History, names: tuple[str, str] = ("OLD", "NEW")) -> str:
    """Both histories as text, `old` on the left; rows that differ begin with >>."""
    left, right = lines(old), lines(new)
    rows = ["   " + names[0][: WIDTH - 2].ljust(WIDTH) + "| " + names[1]]
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += [f"   {text:<{WIDTH}}| {text}" for text in left[a:b]]
            continue
        for index in range(max(b - a, d - c)):
            one = left[a + index] if a + index < b else ""
            other = right[c + index] if c + index < d else ""
            rows.append(f">> {one:<{WIDTH}}| {other}".rstrip())
    if len(rows) > LINES:
        marked = [number for number, row in enumerate(rows) if row.startswith(">>")] or [0]
        start = max(1, min(marked[0] - LINES // 2, len(rows) - LINES))
        rows = [rows[0], "   ...", *rows[start : start + LINES], "   ..."]
    return "\n".join(rows)


def lines(history: History) -> list[str]:
    """What happened, a line each, in the order of time."""
    labels = _labels(history)
    found: list[tuple[int, str]] = []
    for call in history.calls:
        who = printable(history.users[call.user])[:24]
        if call.kind == "publish":
            what = f"{'probe' if call.probe else 'publish'} {labels[call.content]}"
        else:
            what = f"{call.kind} {printable(history.episodes[call.episode].device)[:28]}"
        found.append((call.started, f"{who}: {what} ..."))
        if call.returned != NEVER:
            found.append((call.returned, f"{who}: {what} {_outcome(call)}"))
    for row, start in enumerate(history.send_start):
        episode = history.episodes[history.send_episode[row]]
        frame = history.frames[history.send_frame[row]]
        carried = ", ".join(labels[content] for content in frame.carried) or f"a frame ({frame.type or 'no type'})"
        theirs = any(episode.user not in history.contents[c].users for c in frame.carried + frame.others)
        status = {ACCEPTED: "", FAILED: " (fails)", CANCELLED: " (cancelled)", PENDING: " (never completes)"}
        text = f"   -> {printable(episode.device)[:28]}: {carried}{' OF ANOTHER USER' * theirs}"
        found.append((start, text + status[history.send_status[row]]))
    found += [(time, f"-- {printable(note)}") for time, note in history.notes]
    return [text for _, text in sorted(found, key=lambda line: line[0])]


def _labels(history: History) -> list[str]:
    nth: dict[tuple[int, bool], int] = defaultdict(int)
    labels = [f"#{number}" for number in range(len(history.contents))]
    for call in history.calls:
        if call.kind == "publish" and labels[call.content].startswith("#"):
            nth[call.user, call.probe] += 1
            number = nth[call.user, call.probe]
            labels[call.content] = f"{printable(history.users[call.user])[:20]} {'probe ' * call.probe}{number}"
    return labels


def _outcome(call: Call) -> str:
    if call.status == ACCEPTED:
        kinds = (bool, int, float, type(None))
        shown = repr(call.value) if isinstance(call.value, kinds) else f"<{type(call.value).__name__}>"
        return f"= {shown}"
    if call.status == FAILED:
        return f"raises {call.error.partition(':')[0]}"
    return "is cancelled"
