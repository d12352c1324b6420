"""A scene as a space-time diagram, in static SVG.

A lane a user, inside it a column for what is published for the user and one for each device; time runs downwards, a row
a moment in which something happened. A circle is a publish, an arrow from it a frame that was sent to a device, a
hatched bar a send that waited for its answer, a thin bar a call that had not returned. The culprit is the one thick red
arrow, dashed where it is one that never came; beside it stand the rule and who was concerned. Of a live run a circle is
a user who asks for an agent run, an arrow an event of it that was received, and at the left stand the seconds. Of a
cut-over, a double line across is where the switch was told to move users, a single one where it had.

Of many users those concerned are shown, of many rows the ones around the culprit; what is left out is counted. Colours
follow `prefers-color-scheme`, print is light, and nothing is told by colour alone.
"""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from crosstalk.model.scene import Act, Arrival, Scene
from crosstalk.reporting.legible import legible, name, short
from crosstalk.reporting.rules import rule
from crosstalk.reporting.sentences import event_words, moments, numbered, remark_words, story, switch_words
from crosstalk.reporting.svg import element, joined

LANES, DEVICES, ROWS = 4, 4, 48
ROW, CALLS, GAP, TOP, SIDE, CLOCK = 26, 136, 14, 62, 280, 62

STYLE = """
.ctp{--paper:#fff;--lane:#f2f4f7;--ink:#1b1f24;--soft:#5c6670;--life:#cdd6e0;--sent:#0b62a4;--wait:#a86400;--red:#c1121f;
font:12px ui-sans-serif,system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;max-width:100%;height:auto}
.ctp text{fill:var(--ink)}.ctp .soft{fill:var(--soft)}.ctp .lane{fill:var(--lane)}.ctp .paper{fill:var(--paper)}
.ctp .who{font-weight:700;font-size:14px}.ctp .life{stroke:var(--life);stroke-width:9;stroke-linecap:round}
.ctp .call{stroke:var(--soft);stroke-width:2}.ctp .dot{fill:var(--paper);stroke:var(--ink);stroke-width:2}
.ctp .sent{stroke:var(--sent);stroke-width:1.6;fill:none}.ctp .head{fill:var(--sent)}
.ctp .wait{stroke:var(--wait);stroke-width:5;stroke-dasharray:2 2}
.ctp .jump{stroke:var(--soft)}.ctp .rule{stroke:var(--soft);stroke-dasharray:1 4}
.ctp .red{stroke:var(--red);stroke-width:3.6;fill:none}.ctp .redhead{fill:var(--red)}.ctp .never{stroke-dasharray:9 5}
.ctp .redtext{fill:var(--red);font-weight:700}.ctp .decide{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:7 4}
.ctp .switch{stroke:var(--ink);stroke-width:1.4}.ctp .moving{fill:var(--life);opacity:.35}
.ctp .halo{paint-order:stroke;stroke:var(--lane);stroke-width:4px;stroke-linejoin:round}
.ctp .halo.out{stroke:var(--paper)}
@media (prefers-color-scheme:dark){.ctp{--paper:#14181d;--lane:#20262d;--ink:#eef1f4;--soft:#a5b0bb;--life:#46525f;
--sent:#6fb7f0;--wait:#f0b24a;--red:#ff6b6b}}
@media print{.ctp{--paper:#fff;--lane:#f2f4f7;--ink:#000;--soft:#444;--life:#bbb;
--sent:#0b62a4;--wait:#a86400;
--red:#c1121f}}
"""


@dataclass(slots=True)
class _Plan:
    """Where everything goes: rows by time, columns by user and by connection."""

    scene: Scene
    row_of: dict[float, int] = field(default_factory=dict)
    rows: int = 0
    cut_at: int = -1
    cut: int = 0
    users: list[int] = field(default_factory=list)
    left: dict[int, float] = field(default_factory=dict)
    width: dict[int, float] = field(default_factory=dict)
    column: dict[int, float] = field(default_factory=dict)
    names: dict[int, list[str]] = field(default_factory=dict)
    devices_left_out: int = 0
    end: float = 0.0

    @property
    def device(self) -> int:
        """How wide a device's column is: live it has the types of events in it."""
        return 156 if self.scene.live else 124

    @property
    def begin(self) -> float:
        """Where the lanes begin."""
        return float(GAP + CLOCK * self.scene.live)

    @property
    def right(self) -> float:
        """Where they end."""
        return max((self.left[user] + self.width[user] for user in self.users), default=self.end)

    def y(self, time: float) -> float:
        return TOP + ROW * (self.row_of[time] + 0.5)

    def calls(self, user: int) -> float:
        return self.left[user] + 16

    def shows(self, time: float) -> bool:
        return time in self.row_of


def picture(
    scene: Scene,
    check: str,
    message: str,
    decisions: Sequence[tuple[int, str]] = (),
    *,
    standalone: bool = True,
) -> Markup:
    """The diagram of `scene` as one `<svg>` element; `decisions` are when this schedule differs, and what it does then.

    Not `standalone` it leaves STYLE to the page around it.
    """
    drawn, wide, high = _drawn(scene, check, message, decisions, alone=True)
    return framed(drawn, wide, high, message, " ".join(story(scene, check, message)), standalone)


def pair(
    scenes: tuple[Scene, Scene], headings: tuple[str, str], message: str, check: str = "", *, standalone: bool = True
) -> Markup:
    """The same program on two broadcasters, side by side, each to its end: the culprit of each is what differs."""
    body = [element("rect", class_="paper", width="100%", height="100%")]
    left = tallest = 0.0
    for scene, heading in zip(scenes, headings, strict=True):
        drawn, wide, high = _drawn(scene, check, message, (), alone=False)
        body.append(element("text", short(heading, int(wide / 8)), class_="who", x=left + GAP, y=20.0))
        body.append(element("svg", *drawn, x=left, y=26.0, width=wide, height=high))
        left, tallest = left + wide + GAP, max(tallest, high)
    said = " ".join(
        (message, *(f"{h}: {' '.join(t for _, t in moments(s))}" for h, s in zip(headings, scenes, strict=True)))
    )
    return framed(body, left, tallest + 26.0, message, said, standalone)


def framed(body: Iterable[Markup], wide: float, high: float, message: str, said: str, standalone: bool) -> Markup:
    return element(
        "svg",
        element("title", legible(message, 300)),
        element("desc", legible(said, 2_000)),
        *([element("style", Markup(STYLE))] if standalone else []),
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {wide:g} {high:g}",
        width=wide,
        height=high,
        role="img",
        class_="ctp",
    )


def _drawn(
    scene: Scene, check: str, message: str, decisions: Sequence[tuple[int, str]], alone: bool
) -> tuple[list[Markup], float, float]:
    """What is drawn, how wide and how high. One `alone` ends with the culprit, and says beside it what is wrong."""
    plan = _planned(scene, [time for time, _ in decisions], alone)
    height = TOP + ROW * plan.rows + 30.0
    body: list[Markup] = [element("rect", class_="paper", width="100%", height="100%"), *_lanes(plan, height)]
    labels: list[Markup] = []
    body += _lives(plan)
    body += _remarks(plan, labels)
    body += _switches(plan, labels)
    for time, choice in decisions:
        body += _decision(plan, time, choice, labels)
    for arrival in scene.arrivals:
        body += _waiting(plan, arrival)
    body += _acts(plan, labels)
    body += _arrivals(plan, labels)
    culprit, facts = _culprit(plan, "✕" if check else "≠", labels)
    beside, low = _beside(plan, check, message, facts) if alone and culprit else ([], 0.0)
    body += culprit + beside + labels + _footer(plan, height)
    wide = plan.end + SIDE * (scene.culprit is not None and alone)
    return body, wide, max(height, low)


# -- the plan ------------------------------------------------------------------------------------------------------


def concerned(scene: Scene) -> list[int]:
    """The users the culprit is about, owner first; then those who publish or are sent most, as many as there are."""
    first: list[int] = []
    culprit = scene.culprit
    if culprit is not None:
        if culprit.kind == "arrival":
            arrival = scene.arrivals[culprit.number]
            first += [arrival.owner, *(scene.owners[e] for e in arrival.events if e < len(scene.owners))]
        elif culprit.number >= 0:
            first.append(scene.acts[culprit.number].user)
        if culprit.connection >= 0:
            first.append(scene.connections[culprit.connection].user)
    first = [user for user in dict.fromkeys(first) if user >= 0]
    busy: dict[int, int] = {}
    for act in scene.acts:
        busy[act.user] = busy.get(act.user, 0) + (1 if act.kind == "probe" else 3)
    for arrival in scene.arrivals:
        user = scene.connections[arrival.connection].user
        busy[user] = busy.get(user, 0) + 1
    rest = sorted((u for u in busy if u not in first), key=lambda u: (-busy[u], u))
    return first + rest


def _planned(scene: Scene, decisions: Sequence[int], alone: bool) -> _Plan:
    plan = _Plan(scene)
    plan.users = sorted(concerned(scene)[:LANES])
    shown = set(plan.users)
    culprit = scene.culprit
    until = culprit.time if culprit is not None and alone else 1 << 60
    moments: dict[float, float] = {}  # time -> the time it may share a row with, or itself
    for act in scene.acts:
        if act.user in shown and act.started <= until and not _farewell(scene, act, until):
            moments[act.started] = act.started
            if act.returned >= 0 and act.returned <= until:
                moments[act.returned] = act.started
    for arrival in scene.arrivals:
        if scene.connections[arrival.connection].user in shown and arrival.started <= until:
            moments[arrival.started] = arrival.started
            if arrival.ended >= 0 and arrival.ended <= until:
                moments[arrival.ended] = arrival.started
    for remark in scene.remarks:
        if remark.time <= until and _telling(remark.text):
            moments[remark.time] = remark.time
    for switch in scene.switches:
        moments |= {time: time for time in (switch.time, switch.done) if 0 <= time <= until}
    if culprit is not None:
        moments[culprit.time] = culprit.time
    latest = max(moments, default=-1.0)
    moments |= {at + 0.5: at + 0.5 for at in decisions if at < latest}
    row, last = -1, -2.0
    for time in sorted(moments):
        if not (moments[time] != time and last == moments[time]):
            row += 1
        plan.row_of[time] = row
        last = time
    plan.rows = row + 1
    if plan.rows > ROWS:
        _cut(plan, plan.row_of.get(until, row))
    x = plan.begin
    for user in plan.users:
        names = list(dict.fromkeys(c.device for c in scene.connections if c.user == user))
        plan.devices_left_out += max(0, len(names) - DEVICES)
        plan.names[user] = names = names[:DEVICES]
        plan.left[user], plan.width[user] = x, max(190.0, float(CALLS + plan.device * len(names) + GAP))
        for number, connection in enumerate(scene.connections):
            if connection.user == user and connection.device in names:
                plan.column[number] = x + CALLS + 12 + plan.device * names.index(connection.device)
        x += plan.width[user] + GAP
    plan.end = max(x, 340.0)
    return plan


def _farewell(scene: Scene, act: Act, until: int) -> bool:
    """Whether this is one of the disconnects with which every run ends."""
    last = max((a.started for a in scene.acts if a.kind == "probe"), default=1 << 60)
    return act.kind == "disconnect" and act.started > last and act.started < until


def _telling(text: str) -> bool:
    return not text.startswith("the publish is") or "cancelled" in text


def _cut(plan: _Plan, marked: int) -> None:
    """Keep the first rows and those around the culprit; the gap takes one row."""
    head, tail = ROWS // 3, ROWS - ROWS // 3
    low = max(head, min(marked - tail + 6, plan.rows - tail))
    plan.cut_at, plan.cut = head, low - head
    kept: dict[float, int] = {}
    for time, row in plan.row_of.items():
        if row < head:
            kept[time] = row
        elif low <= row < low + tail:
            kept[time] = row - low + head + 1
    plan.row_of = kept
    plan.rows = max(kept.values(), default=0) + 1


# -- what is drawn -------------------------------------------------------------------------------------------------


def _lanes(plan: _Plan, height: float) -> Iterable[Markup]:
    if plan.scene.live:
        yield element("text", "seconds", class_="soft", x=float(GAP), y=48.0)
        rows = {row: time for time, row in reversed(plan.row_of.items())}
        for time in rows.values():
            yield element("text", f"{plan.scene.clock[int(time)]:.3f}", class_="soft", x=float(GAP), y=plan.y(time) + 4)
    for user in plan.users:
        x, width = plan.left[user], plan.width[user]
        yield element("rect", class_="lane", x=x, y=8.0, width=width, height=height - 34, rx=6.0)
        yield element("text", name(plan.scene.users[user], 22), class_="who", x=x + 10, y=28.0)
        heading = "asks for runs" if plan.scene.live else "events for"
        yield element("text", heading, class_="soft", x=x + 8, y=48.0)
        for place, device in enumerate(plan.names[user]):
            named = f"device {device.rpartition('/')[2]}" if "/" in device else device
            yield element("text", short(named, 16), class_="soft", x=x + CALLS + 2 + plan.device * place, y=48.0)
    if plan.cut:
        y = TOP + ROW * (plan.cut_at + 0.5)
        yield element(
            "text",
            f"... {plan.cut} row{'s are' if plan.cut > 1 else ' is'} left out here ...",
            class_="soft",
            x=20.0,
            y=y + 4,
        )


def _remarks(plan: _Plan, labels: list[Markup]) -> Iterable[Markup]:
    for remark in plan.scene.remarks:
        if plan.shows(remark.time) and _telling(remark.text):
            y = plan.y(remark.time)
            yield element("line", class_="rule", x1=plan.begin, x2=plan.end - GAP, y1=y + 7, y2=y + 7)
            if remark.text.startswith("time moves"):  # as a broken axis
                yield element("line", class_="jump", x1=plan.begin, x2=plan.end - GAP, y1=y + 10, y2=y + 10)
            text = short(remark_words(plan.scene, remark), int((plan.end - plan.begin) / 6.4))
            labels.append(element("text", text, class_="soft halo", x=plan.begin + 8, y=y + 3))


def _switches(plan: _Plan, labels: list[Markup]) -> Iterable[Markup]:
    """Where users were to be moved, and where they had been, as lines across; between them a band."""
    for switch in plan.scene.switches:
        if not plan.shows(switch.time):
            continue
        top, left, wide = plan.y(switch.time) + 8, plan.begin - 6, plan.right - plan.begin + 12
        low = plan.y(switch.done) - 8 if plan.shows(switch.done) else TOP + ROW * plan.rows
        yield element("rect", class_="moving", x=left, y=top, width=wide, height=max(low - top, 1.0))
        for y in (top - 2, top + 2, *([low] if plan.shows(switch.done) else [])):
            yield element("line", class_="switch", x1=left, x2=left + wide, y1=y, y2=y)
        begins, ends = switch_words(switch)
        labels.append(element("text", f"⇄ {short(begins, 60)}", class_="who halo", x=plan.begin + 8, y=top - 5))
        if plan.shows(switch.done):
            labels.append(element("text", short(ends, 60), class_="halo", x=plan.begin + 8, y=low + 13))


def _decision(plan: _Plan, time: int, choice: str, labels: list[Markup]) -> Iterable[Markup]:
    if not plan.shows(time + 0.5):
        return
    y = plan.y(time + 0.5) + 8
    yield element("line", class_="decide", x1=4, x2=plan.end - 4, y1=y, y2=y)
    most = int((plan.end - GAP) / 6.8) - 8
    labels.append(element("text", f"◆ here: {short(choice, most)}", class_="halo", x=GAP + 8, y=y - 4))


def _lives(plan: _Plan) -> Iterable[Markup]:
    bottom = TOP + ROW * plan.rows
    for number, connection in enumerate(plan.scene.connections):
        x = plan.column.get(number)
        if x is None:
            continue
        start: float = connection.connected if connection.connected >= 0 else connection.connecting + 1
        if start not in plan.row_of:
            later = [t for t in plan.row_of if t >= start]
            if not later:
                continue
            start = min(later)
        end = connection.left if connection.left >= 0 else connection.leaving
        low = plan.y(end) if end in plan.row_of else bottom if end < 0 or end > max(plan.row_of) else None
        if low is not None:
            yield element("line", class_="life", x1=x, x2=x, y1=plan.y(start), y2=max(low, plan.y(start) + 1))


def _acts(plan: _Plan, labels: list[Markup]) -> Iterable[Markup]:
    bottom = TOP + ROW * plan.rows
    for act in plan.scene.acts:
        if act.user not in plan.left or not plan.shows(act.started):
            continue
        y = plan.y(act.started)
        ends = plan.y(act.returned) if plan.shows(act.returned) else bottom
        ending = {"raised": "raises", "cancelled": "is cancelled"}.get(act.ending, f"returns {act.said}".rstrip())
        if plan.scene.live:
            ending = "complete" if act.ending == "ok" else "fails"
        trouble = "" if act.ending in ("ok", "pending") else f" {ending}"
        if act.event >= 0:
            x = plan.calls(act.user)
            if ends > y:
                yield element("line", class_="call", x1=x, x2=x, y1=y, y2=ends)
                if plan.shows(act.returned):
                    yield element("line", class_="call", x1=x - 5, x2=x + 5, y1=ends, y2=ends)
                    labels.append(_label(ending, x + 9, ends + 4, soft=True))
            yield element("circle", class_="dot", cx=x, cy=y, r=5)
            plain = act.type in ("", "probe", "partial_result")
            word = act.kind.replace("publish", "event") if plain else act.type
            word = "asks for" if plan.scene.live else word
            called = f"{word} {numbered(plan.scene, act.event)}"
            labels.append(_label(called + (trouble if ends == y else ""), x + 9, y - 3))
        elif act.connection in plan.column:
            x = plan.column[act.connection]
            socket = plan.scene.connections[act.connection].socket
            if ends > y:
                yield element("line", class_="call", x1=x - 8, x2=x - 8, y1=y, y2=ends)
            opens = act.kind == "connect"
            points = (
                f"{x - 6},{y - 5} {x + 6},{y - 5} {x},{y + 6}"
                if opens
                else f"{x - 6},{y + 5} {x + 6},{y + 5} {x},{y - 6}"
            )
            yield element("polygon", class_="dot", points=points)
            verb = "is lost:" if act.kind == "lose" else f"{act.kind}s"
            labels.append(_label(f"{verb} s{socket}{trouble}", x + 10, y + 4, soft=True))


def _waiting(plan: _Plan, arrival: Arrival) -> Iterable[Markup]:
    x = plan.column.get(arrival.connection)
    if x is None or not plan.shows(arrival.started):
        return
    y = plan.y(arrival.started)
    ends = plan.y(arrival.ended) if plan.shows(arrival.ended) else TOP + ROW * plan.rows
    if ends > y:
        yield element("line", class_="wait", x1=x, x2=x, y1=y, y2=ends)


def _origin(plan: _Plan, arrival: Arrival, event: int) -> tuple[float, float] | None:
    """Where an event's publish stands, that had begun when the frame was sent."""
    acts = [a for a in plan.scene.acts if a.event == event and a.started <= arrival.started and a.user in plan.left]
    if not acts or not plan.shows(acts[-1].started):
        return None
    return plan.calls(acts[-1].user), plan.y(acts[-1].started)


def _event_of(arrival: Arrival, scene: Scene) -> int:
    """The event to draw the arrow from: the one that belongs to another user, where there is one."""
    carried = arrival.events + arrival.quoted
    if arrival.owner >= 0:
        return next((e for e in carried if e < len(scene.owners) and scene.owners[e] == arrival.owner), -1)
    return carried[0] if carried else -1


def _arrivals(plan: _Plan, labels: list[Markup]) -> Iterable[Markup]:
    culprit = plan.scene.culprit
    for number, arrival in enumerate(plan.scene.arrivals):
        x = plan.column.get(arrival.connection)
        if x is None or not plan.shows(arrival.started):
            continue
        if culprit is not None and culprit.kind == "arrival" and culprit.number == number:
            continue
        y = plan.y(arrival.started)
        event = _event_of(arrival, plan.scene)
        text = " ".join(f"#{e}" for e in arrival.events[:4]) or ("quotes an event" if event >= 0 else "other frame")
        if plan.scene.live:
            text = legible(arrival.type, 40) or text
        if arrival.owner >= 0:
            text += f" of {name(plan.scene.users[arrival.owner], 14)}"
        if arrival.ending not in ("ok", "pending"):
            text += " fails" if arrival.ending == "raised" else f" {arrival.ending}"
        begin = _origin(plan, arrival, event) if event >= 0 else None
        side = 1 if begin is not None and begin[0] > x else -1
        yield from arrow(begin or (x - 34, y), (x + 6 * side, y), "sent", "head")
        labels.append(_label(text, x + 9, y + (4 if side < 0 else 15)))


def _culprit(plan: _Plan, mark: str, labels: list[Markup]) -> tuple[list[Markup], list[str]]:
    """What is wrong, or differs, as it is drawn, and who was concerned in words."""
    scene, culprit = plan.scene, plan.scene.culprit
    if culprit is None or not plan.shows(culprit.time):
        return [], []
    y = plan.y(culprit.time)
    drawn: list[Markup] = []
    facts: list[str] = []
    if culprit.kind == "arrival":
        arrival = scene.arrivals[culprit.number]
        event = _event_of(arrival, scene)
        x = plan.column.get(culprit.connection, plan.end - 40)
        begin = _origin(plan, arrival, event) if event >= 0 else None
        if begin is None and plan.scene.live and arrival.owner in plan.left:
            begin = plan.calls(arrival.owner), y - ROW / 2  # whose it is, is known, but not of which run
        side = 1 if begin is not None and begin[0] > x else -1
        drawn += arrow(begin or (x - 60, y - 14), (x + 7 * side, y), "red", "redhead", 9.0)
        owner = arrival.owner if arrival.owner >= 0 else scene.owners[event] if 0 <= event < len(scene.owners) else -1
        receiver = scene.connections[culprit.connection]
        labels.append(
            element(
                "text",
                f"{mark} {short(arrival.type, 15) if scene.live else f'#{event}' if event >= 0 else ''}".rstrip(),
                class_="redtext halo",
                x=x + 9,
                y=y + (4 if side < 0 else 17),
            )
        )
        if owner >= 0 and scene.live:
            facts.append(f"It belongs to {event_words(scene, event) if event >= 0 else name(scene.users[owner])}.")
        elif owner >= 0:
            facts.append(f"Event #{event}: its canary says it belongs to {name(scene.users[owner])}.")
        facts.append(f"Received by {name(scene.users[receiver.user])} on {name(receiver.device)}.")
        if arrival.place is not None:
            facts.append(f"Sent at {legible(str(arrival.place), 80)}.")
    elif culprit.kind == "missing":
        act = scene.acts[culprit.number]
        x = plan.column.get(culprit.connection, plan.end - 40)
        start = (plan.calls(act.user), plan.y(act.started)) if plan.shows(act.started) else (x - 60, y - 20)
        drawn += arrow(start, (x - 12, y), "red never", "redhead", 0.0)
        drawn += [
            element("line", class_="red", x1=x - 7, x2=x + 7, y1=y - 7, y2=y + 7),
            element("line", class_="red", x1=x - 7, x2=x + 7, y1=y + 7, y2=y - 7),
        ]
        gone = f"{numbered(scene, act.event)} not whole" if scene.live else f"no #{act.event}"
        labels.append(element("text", gone, class_="redtext halo", x=x + 12, y=y + 4))
        receiver = scene.connections[culprit.connection]
        called = event_words(scene, act.event, act.user)
        facts.append(f"{called[0].upper()}{called[1:]} is owed to {name(receiver.device)}.")
        facts.append("Not all of it has come." if scene.live else "It is not there.")
    elif culprit.kind == "act":
        act = scene.acts[culprit.number]
        x = plan.calls(act.user) if act.event >= 0 else plan.column.get(act.connection, plan.end - 40)
        top = plan.y(act.started) if plan.shows(act.started) else y
        low = plan.y(act.returned) if plan.shows(act.returned) else TOP + ROW * plan.rows
        drawn.append(element("line", class_="red never", x1=x, x2=x, y1=top, y2=max(low, top + 12)))
        drawn.append(element("circle", class_="red", cx=x, cy=top, r=9))
        if not scene.live:
            facts.append(f"The {act.kind} of {name(scene.users[act.user])}.")
        if act.said:
            facts.append(legible(act.said, 160))
        if act.waits_at:
            facts.append(f"At {legible(act.waits_at, 80)}.")
    else:
        drawn.append(element("line", class_="red never", x1=GAP, x2=plan.end - GAP, y1=y, y2=y))
    return drawn, facts


def _beside(plan: _Plan, check: str, message: str, facts: Sequence[str]) -> tuple[list[Markup], float]:
    """The rule that was broken and who was concerned, right of the lanes; and how far down that reaches."""
    y = plan.y(plan.scene.culprit.time) if plan.scene.culprit is not None else 0.0
    wrap = functools.partial(textwrap.wrap, placeholder=" ...")
    lines = [(line, "redtext") for line in wrap(legible(message, 400), 36, max_lines=8)]
    lines += [(line, "") for fact in facts for line in wrap(fact, 40, max_lines=4)]
    lines += [(line, "soft") for line in textwrap.wrap(f"Rule broken ({check}): {rule(check)}", 40)]
    x, low = plan.end + 4, max(20.0, min(y - 20, TOP + ROW * plan.rows - 16.0 * len(lines)))
    drawn = [element("line", class_="red", x1=x - 4, x2=x - 4, y1=low - 12, y2=low + 16 * len(lines) - 10)]
    for number, (line, kind) in enumerate(lines):
        drawn.append(element("text", line, class_=kind or None, x=x + 6, y=low + 16 * number))
    return drawn, low + 16 * len(lines) + 10


def _footer(plan: _Plan, height: float) -> list[Markup]:
    said = []
    others = len(concerned(plan.scene)) - len(plan.users) + plan.scene.others
    if others:
        said.append(f"{others:,} other user{'s are' if others > 1 else ' is'} left out")
    if plan.devices_left_out:
        more = plan.devices_left_out
        said.append(f"{more:,} more device{'s are' if more > 1 else ' is'} left out")
    if plan.scene.left_out:
        said.append(f"{plan.scene.left_out:,} more calls and frames are left out")
    if not said:
        return []
    return [element("text", "; ".join(said), class_="soft", x=GAP + 4, y=height - 10)]


def _label(text: str, x: float, y: float, *, soft: bool = False) -> Markup:
    return element("text", short(text, 19), class_="soft halo" if soft else "halo", x=x, y=y)


def arrow(
    start: tuple[float, float], end: tuple[float, float], line: str, head: str, size: float = 6.0
) -> list[Markup]:
    (x1, y1), (x2, y2) = start, end
    angle = math.atan2(y2 - y1, x2 - x1)
    x1, y1 = x1 + 6 * math.cos(angle), y1 + 6 * math.sin(angle)
    drawn = [element("line", class_=line, x1=round(x1, 1), y1=round(y1, 1), x2=round(x2, 1), y2=round(y2, 1))]
    if size:
        points = " ".join(
            f"{x2 + reach * math.cos(angle + turn):.1f},{y2 + reach * math.sin(angle + turn):.1f}"
            for turn, reach in ((0.0, size * 0.6), (2.6, size * 1.4), (-2.6, size * 1.4))
        )
        drawn.append(element("polygon", class_=head, points=points))
    return drawn


__all__ = ["STYLE", "arrow", "concerned", "framed", "joined", "pair", "picture"]
