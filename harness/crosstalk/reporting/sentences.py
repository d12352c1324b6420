"""A scene in sentences: what happened, in order, for somebody who was not there.

Each sentence says one thing that happened; where a call or a send was still waiting meanwhile, the sentence begins with
that, since what comes in between is how interleavings go wrong.
"""

from __future__ import annotations

import re

from crosstalk.model.scene import Act, Arrival, Exhibit, Remark, Scene, Switch
from crosstalk.reporting.legible import legible, name
from crosstalk.reporting.rules import rule

MOST = 40
_QUOTES = str.maketrans("", "", "[]'")
_SOCKET = re.compile(r"\bsocket (\d{1,9})\b")


def story(scene: Scene, check: str, message: str, most: int = MOST) -> list[str]:
    """Sentences up to the culprit, the last of them what is wrong; in the middle what is too much is counted."""
    sentences = [_timed(scene, time, text) for time, text in moments(scene)]
    return [*shortened(sentences, most), *conclusion(scene, check, message)]


def shortened(sentences: list[str], most: int = MOST) -> list[str]:
    """The first and the last of them where there are more than `most`; the others are counted."""
    left = len(sentences) - most
    if left <= 0:
        return sentences
    return [*sentences[: most // 2], f"... {left} more things happen ...", *sentences[-(most // 2) :]]


def _timed(scene: Scene, time: int, text: str) -> str:
    """A live run's moments begin with their seconds."""
    here = "HERE: " if text.startswith("HERE: ") else ""
    return f"{here}{scene.clock[time]:.3f} s: {text.removeprefix(here)}" if scene.live else text


def moments(scene: Scene) -> list[tuple[int, str]]:
    """What happened up to the culprit: logical time and sentence, in order."""
    culprit = scene.culprit
    until = culprit.time if culprit is not None else 1 << 60
    told: list[tuple[int, str]] = []
    for number, arrival in enumerate(scene.arrivals):
        if arrival.started <= until:
            blamed = culprit is not None and culprit.kind == "arrival" and culprit.number == number
            told += _arrival_told(scene, arrival, until, blamed)
    for act in scene.acts:
        if act.started <= until:
            told += _act_told(scene, act, until)
    told += [(r.time, _remark_told(scene, r)) for r in scene.remarks if r.time <= until]
    for switch in scene.switches:
        if switch.time <= until:
            told.append((switch.time, _switch_told(scene, switch)))
        if 0 <= switch.done <= until:
            told.append((switch.done, f"{switch_words(switch)[1]}."))
    return sorted(told, key=lambda entry: entry[0])


def conclusion(scene: Scene, check: str, message: str) -> list[str]:
    """What is wrong, where it was done, and the rule."""
    said = [_sentence("", legible(message, 400))]
    culprit = scene.culprit
    if culprit is not None and culprit.kind == "arrival":
        place = scene.arrivals[culprit.number].place
        if place is not None:
            said.append(f"The frame was sent at {legible(str(place), 200)}.")
    if culprit is not None and culprit.kind == "act" and scene.acts[culprit.number].waits_at:
        said.append(f"Look at {legible(scene.acts[culprit.number].waits_at, 200)}.")
    said.append(f"The rule: {rule(check)}")
    return said


def decisions_words(count: int) -> str:
    return ("one decision", "two decisions", "three decisions")[min(count, 3) - 1]


def none_passes(shown: Exhibit) -> str:
    """That no schedule was found that keeps the rule, and how far it was looked for; "" where it was not, or found."""
    if shown.decisions or not (shown.tried or shown.within):
        return ""
    if not shown.tried:
        return "The schedule has no choice here: what the users do is enough."
    told = f"None of {shown.tried:,} other schedules of the same program that were tried keeps the rule"
    if not shown.within:
        return f"{told}; there are more that take one decision otherwise."
    return f"{told}; all that take at most {decisions_words(shown.within)} otherwise are among them."


def numbered(scene: Scene, event: int) -> str:
    """How an event, or live a run, is called for short."""
    return f"run {scene.runs[event]}" if event < len(scene.runs) else f"#{event}"


def event_words(scene: Scene, event: int, user: int = -1) -> str:
    """The event and whose it is: of several with one content, that of `user`."""
    if user < 0 and 0 <= event < len(scene.owners):
        user = scene.owners[event]
    called = numbered(scene, event) if scene.live else f"event #{event}"
    return f"{called} of {name(scene.users[user]) if user >= 0 else 'nobody'}"


def arrived_words(scene: Scene, arrival: Arrival) -> str:
    """What came, live: one event of a run, or what belongs to whoever it was found to."""
    what = legible(arrival.type, 40) or "a frame"
    if arrival.events:
        return f"{what} of {event_words(scene, arrival.events[0])}"
    return f"{what} of {name(scene.users[arrival.owner])}" if arrival.owner >= 0 else what


def _live_told(scene: Scene, act: Act) -> list[tuple[int, str]]:
    """A call of a live run: only what its users did and saw is known, not what the server was doing."""
    who = name(scene.users[act.user])
    device = name(scene.connections[act.connection].device) if act.connection >= 0 else ""
    if act.kind == "lose":
        return [(act.started, f"{device} loses its connection: {legible(act.said, 160)}.")]
    if act.kind == "ask":
        run, where = numbered(scene, act.event), f" on {device}" if device else ""
        begun, done, failed = (
            f"{who} asks for {run}{where}.",
            f"{run} of {who} is complete.",
            f"{run} of {who} is not taken: ",
        )
    elif act.kind == "connect":
        begun, done, failed = f"{device} connects.", f"{device} is connected.", f"{device} can't connect: "
    else:
        begun, done, failed = f"{device} disconnects.", f"{device} has disconnected.", ""
    told = [(act.started, begun)]
    if act.ending != "pending":
        told.append((act.returned, done if act.ending == "ok" else f"{failed}{legible(act.said, 160)}."))
    return [(time, text[0].upper() + text[1:] if text.startswith("run ") else text) for time, text in told]


def _act_told(scene: Scene, act: Act, until: int) -> list[tuple[int, str]]:
    if scene.live:
        return [(time, text) for time, text in _live_told(scene, act) if time <= until]
    who = name(scene.users[act.user])
    if act.event >= 0:
        kind = "a probe" if act.kind == "probe" else f"an event ({legible(act.type, 40)})"
        what = f"{kind} for {who} is published: event #{act.event}"
        if act.event < len(scene.owners) and scene.owners[act.event] != act.user:
            what += f", with the same content as that for {name(scene.users[scene.owners[act.event]])}"
        call = f"the publish of event #{act.event} for {who}"
    else:
        connection = scene.connections[act.connection] if act.connection >= 0 else None
        where = f" {name(connection.device)} (socket {connection.socket})" if connection is not None else ""
        what = f"{who} {act.kind}s{' on' if where else ''}{where}"
        call = f"the {act.kind} of{where}"
    between = [t for t in _times(scene) if act.started < t < (act.returned if act.returned >= 0 else 1 << 60)]
    told = [(act.started, _sentence(_while(scene, act.started, act), what))]
    if act.ending == "raised":
        told.append((act.returned, _sentence("", f"{call} raises {legible(act.said, 160)}")))
    elif act.ending == "cancelled":
        told.append((act.returned, _sentence("", f"{call} is cancelled")))
    elif act.returned >= 0 and between and act.returned <= until:
        told.append((act.returned, _sentence("", f"{call} returns")))
    return told


def _arrival_told(scene: Scene, arrival: Arrival, until: int, blamed: bool) -> list[tuple[int, str]]:
    connection = scene.connections[arrival.connection]
    mark = "HERE: " if blamed else ""
    if scene.live:
        whose = f", which is {name(scene.users[connection.user])}'s connection" if arrival.owner >= 0 else ""
        text = f"{arrived_words(scene, arrival)} arrives on {name(connection.device)}{whose}"
        return [(arrival.started, f"{mark}{text}.")]
    to = f"{name(connection.device)} (socket {connection.socket})"
    carried = arrival.events or arrival.quoted
    what = " and ".join(event_words(scene, e) for e in carried[:4]) or f"a frame of type {arrival.type or 'unknown'}"
    if not arrival.events and arrival.quoted:
        what = f"a frame that quotes {what}"
    wrong = f", which is {name(scene.users[connection.user])}'s connection" if arrival.owner >= 0 else ""
    if arrival.owner >= 0 and not _is_connected(scene, arrival.owner, arrival.started):
        wrong += f"; {name(scene.users[arrival.owner])} has no open connection then"
    late = " although its disconnect had returned" if 0 <= connection.left < arrival.started else ""
    told = [
        (
            arrival.started,
            mark + _sentence(_while(scene, arrival.started, arrival), f"{what} is sent to {to}{wrong}{late}"),
        )
    ]
    if arrival.ending == "raised" and arrival.ended <= until:
        told.append((arrival.ended, _sentence("", f"that send to {to} fails")))
    elif arrival.ending == "cancelled" and arrival.ended <= until:
        told.append((arrival.ended, _sentence("", f"the send of {what} to {to} is cancelled")))
    elif arrival.ended >= 0 and arrival.ended <= until:
        between = [t for t in _times(scene) if arrival.started < t < arrival.ended]
        if between:
            told.append((arrival.ended, _sentence("", f"the send of {what} to {to} is answered")))
    return told


def _is_connected(scene: Scene, user: int, at: int) -> bool:
    """Whether a connection of the user's was being opened, or open, at that time."""
    return any(
        c.user == user and c.connecting <= at and not (0 <= c.leaving <= at or 0 <= c.left <= at)
        for c in scene.connections
    )


def remark_words(scene: Scene, remark: Remark) -> str:
    """The remark, with whose a socket is, for somebody who does not know how a run ends."""
    if remark.text in _PHASES:
        return _PHASES[remark.text]
    found = _SOCKET.search(remark.text)
    if found is None:
        return remark.text
    number = int(found[1])
    users = [c for c in scene.connections if c.socket == number and c.connecting <= remark.time]
    if not users:
        return remark.text
    return f"{remark.text[: found.end()]} ({name(users[-1].device)}){remark.text[found.end() :]}"


def _remark_told(scene: Scene, remark: Remark) -> str:
    return _sentence("", legible(remark_words(scene, remark), 240))


def switch_words(switch: Switch) -> tuple[str, str]:
    """That users are to be moved, and what came of it."""
    order = legible(switch.order.translate(_QUOTES), 80)
    ends = {"ok": "is done", "cancelled": "is cancelled half-way"}.get(
        switch.ending, f"raises {legible(switch.said, 160)}"
    )
    return f"{order[:1].upper()}{order[1:]}", f"The {order} {ends}"


def _switch_told(scene: Scene, switch: Switch) -> str:
    """Who is to be moved, and what was under way then: that is how moves go wrong."""
    whom = switch.order.removeprefix("switch ").translate(_QUOTES)
    whom = f"everybody {whom}" if whom.startswith(("to ", "back ")) else whom
    under_way = [
        event_words(scene, act.event)
        if scene.live and act.event >= 0
        else f"the publish of event #{act.event} for {name(scene.users[act.user])}"
        if act.event >= 0
        else f"the {act.kind} of {name(scene.connections[act.connection].device)}"
        for act in scene.acts
        if act.started < switch.time and not 0 <= act.returned <= switch.time and max(act.event, act.connection) >= 0
    ]
    several = " and ".join(under_way[:3])
    meanwhile = f"while {several} {'are' if len(under_way) > 1 else 'is'} under way"
    before = meanwhile if under_way else _while(scene, switch.time)
    return _sentence(before, f"the switch is told to move {legible(whom, 80)}")


def _times(scene: Scene) -> list[int]:
    times = [a.started for a in scene.acts] + [a.started for a in scene.arrivals]
    return times + [r.time for r in scene.remarks] + [switch.time for switch in scene.switches]


def _while(scene: Scene, at: int, besides: Act | Arrival | None = None) -> str:
    """The send that was waiting for its answer at `at`, if any: the oldest."""
    for arrival in scene.arrivals:
        if arrival is not besides and arrival.started < at and (arrival.ended < 0 or arrival.ended > at):
            connection = scene.connections[arrival.connection]
            carried = arrival.events or arrival.quoted
            what = f"the send of event #{carried[0]}" if carried else "a send"
            return f"while {what} to {name(connection.device)} was waiting for its answer"
    return ""


def _sentence(before: str, text: str) -> str:
    whole = f"{before}, {text}" if before else text
    # a user's name keeps its case
    return (whole[0].upper() + whole[1:] if whole.split(" ")[0] in _WORDS else whole) + "."


_PHASES = {
    "quiet, stalls held": "all that can go on has: now the harness probes",
    "healed": "all stalled connections go on",
}
_WORDS = frozenset(
    (
        "a",
        "an",
        "all",
        "the",
        "while",
        "event",
        "run",
        "device",
        "that",
        "time",
        "socket",
        "unhandled",
        "publish",
        "connect",
        "disconnect",
    )
)
