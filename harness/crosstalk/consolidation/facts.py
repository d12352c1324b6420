"""What one sequenced run shows of a broadcaster, as facts with names that no schedule and no broadcaster changes.

A fact answers one question about one step: what did alice's third publish return, how often was it sent to her second
device, with which fields. Two broadcasters are compared fact by fact. Asked is only what a user or a caller can see and
a declared guarantee leaves no room for:

* whether and when a stalled or vanished connection still gets its frames is nobody's promise, so deliveries are
  compared for connections that stayed healthy in both runs; what calls return or raise is compared all the same, but
  a count of connections is not, while one of them is broken;
* an event published while its connection was still being made, or ended, may arrive or not;
* times, ids and sequence numbers differ from run to run: of an added field the place and the kind count, not the value.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from crosstalk.model.history import ACCEPTED, CANCELLED, FAILED, NEVER, Call, Episode, Frame, History

KINDS = {
    "leaked": "whether an event reaches another user",
    "connect": "what a connect does: accept, refuse or raise",
    "disconnect": "what a disconnect does: return or raise",
    "delivered": "whether, and how often, an event reaches a connection of its user",
    "replay": "whether events from before a connection are sent to it",
    "order": "whether a connection is sent the events in the order of their publishes",
    "content": "the fields of an event as it arrives",
    "closes": "whether the broadcaster closes a connection of its own accord",
    "given": "what a publish does to the very event that it was given",
    "raised": "what a publish raises",
    "returned": "what a publish returns",
    "frames": "what is sent besides the events",
    "guarantee": "a guarantee that one of them breaks and the other keeps",
}
"""Kinds of differences, what harms most first; each can be declared allowed."""

PLAINEST = "to a user with one connection"
Key = tuple[Any, ...]
SAMPLE = 400
"""Bytes of a frame that a history keeps."""
CLOSES = re.compile(r"the broadcaster closes socket (\d+)")
_HURT = re.compile(r"the peer of socket (\d+) is gone|socket (\d+) stalls")
_BASE = frozenset({"type", "run_id", "thread_id", "user_id", "payload.canary", "payload.text"})


@dataclass(frozen=True, slots=True)
class Fact:
    """`kind` is one of KINDS, `situation` when it was so, `value` what was seen, in words."""

    kind: str
    situation: str
    value: str


def facts(
    history: History, *, counts: bool = True, free: frozenset[str] = frozenset(), brisk: bool = False
) -> dict[Key, Fact]:
    """Every fact of a sequenced run. Kinds in `free` are left out.

    In a `brisk` run a step may come before timers that an earlier one set; so what a connection was sent counts only
    when it is open at the end.

    `free` may also hold "additions" (added fields), "at_least_once" (repeats). With `counts` False integers returned
    are no counts, and their values differ freely.
    """
    known = _Reader(history, counts, free, brisk)
    known.calls()
    known.connections()
    return {key: fact for key, fact in known.facts.items() if fact.kind not in free}


class _Reader:
    """The facts read so far."""

    def __init__(self, history: History, counts: bool, free: frozenset[str], brisk: bool) -> None:
        self.history = history
        self.brisk = brisk
        self.counts = counts
        self.free = free
        self.facts: dict[Key, Fact] = {}
        self.mine: dict[int, list[int]] = defaultdict(list)
        self.names: list[tuple[str, int]] = []
        nth: dict[str, int] = {}
        for number, episode in enumerate(history.episodes):
            self.mine[episode.user].append(number)
            nth[episode.device] = nth.get(episode.device, -1) + 1
            self.names.append((episode.device, nth[episode.device]))
        self.sends: dict[tuple[int, int], int] = defaultdict(int)
        self.first: dict[tuple[int, int], int] = {}
        self.sequence: dict[int, list[int]] = defaultdict(list)
        self.besides: dict[int, set[str]] = defaultdict(set)
        self._deliveries()
        self.how = self._broken()

    def _deliveries(self) -> None:
        history = self.history
        rows = zip(history.send_episode, history.send_frame, history.send_status, strict=True)
        for episode, number, status in rows:
            if status != ACCEPTED:
                continue
            frame = history.frames[number]
            for content in frame.carried:
                if (episode, content) not in self.first:
                    self.sequence[episode].append(content)
                    self.first[episode, content] = number
                self.sends[episode, content] += 1
            for content in frame.others:
                self.sends[episode, content] += 1
            if not frame.carried and not frame.others and not frame.foreign:
                self.besides[episode].add(frame.type or "a frame without a type")

    def _broken(self) -> dict[int, str]:
        """How each socket that broke did so first."""
        how: dict[int, str] = {}
        for _, note in self.history.notes:
            closed, hurt = CLOSES.match(note), _HURT.match(note)
            if closed:
                how.setdefault(int(closed[1]), "closed")
            elif hurt:
                how.setdefault(int(hurt[1] or hurt[2]), "stalled" if hurt[2] else "vanished")
        return how

    # -- calls -----------------------------------------------------------------------------------------------

    def calls(self) -> None:
        nth: dict[tuple[int, bool], int] = defaultdict(int)
        for call in self.history.calls:
            if call.kind == "publish":
                nth[call.user, call.probe] += 1
                self._publish(call, ("probe" if call.probe else "publish", call.user, nth[call.user, call.probe]))
            else:
                device, number = self.names[call.episode]
                situation = self._coming(call) if call.kind == "connect" else self._going(call)
                self.facts[call.kind, device, number] = Fact(call.kind, situation, self._outcome(call, call.kind, ""))

    def _coming(self, call: Call) -> str:
        others = [self.history.episodes[number] for number in self.mine[call.user] if number < call.episode]
        if any(_is_open(other, call.started) for other in others):
            return "while the user has another connection"
        return "after an earlier connection has ended" if others else "of a user not seen before"

    def _going(self, call: Call) -> str:
        episode = self.history.episodes[call.episode]
        return f"of a {self.how.get(episode.socket, 'broken')} connection" if episode.excused < call.started else ""

    def _situation(self, call: Call) -> tuple[str, bool]:
        """When a publish was made, seen from its user's connections, and whether one of them was broken."""
        episodes = [self.history.episodes[number] for number in self.mine[call.user]]
        here = [episode for episode in episodes if _is_open(episode, call.started)]
        hurt = [episode for episode in here if episode.excused <= min(call.returned, self.history.now)]
        if not here:
            before = any(episode.connected < call.started for episode in episodes)
            return "to a user whose connections have ended" if before else "to a user who never connected", False
        if hurt:
            others = " beside a healthy one" if len(here) > len(hurt) else ""
            kinds = sorted({self.how.get(episode.socket, "broken") for episode in hurt})
            return f"to a user with a {' and a '.join(kinds)} connection{others}", True
        return "to a user with several connections" if len(here) > 1 else PLAINEST, False

    def _publish(self, call: Call, key: Key) -> None:
        history = self.history
        situation, hurt = self._situation(call)
        raised = call.status == FAILED
        kind = "raised" if raised else "returned"
        value = self._outcome(call, "publish", "hurt" if hurt else "")
        self.facts[("call", *key)] = Fact(kind, situation, value)
        if call.status in (ACCEPTED, FAILED):
            done = f"changes {call.changed}" if call.changed else "leaves it as it was"
            self.facts[("given", *key)] = Fact("given", "event", done)
        leaked = False
        for number, episode in enumerate(history.episodes):
            count = self.sends.get((number, call.content), 0)
            if episode.user not in history.contents[call.content].users:
                leaked |= count > 0
                continue
            if episode.connected == NEVER or _broke(episode) or self._early(episode):
                continue
            self._reached(call, key, number, count, situation)
        self.facts[("leaked", *key)] = Fact("leaked", situation, "sent to another user" if leaked else "to nobody else")

    def _early(self, episode: Episode) -> bool:
        return self.brisk and episode.leaving < self.history.final_quiet

    def _reached(self, call: Call, key: Key, number: int, count: int, situation: str) -> None:
        episode = self.history.episodes[number]
        if episode.connected < call.started and episode.leaving > call.returned:
            kind = "delivered"
        elif episode.connecting > call.returned:
            kind, situation = "replay", "to a connection made later"
        elif episode.left < call.started:
            kind, situation = "delivered", "to a connection that has ended"
        else:
            return
        if "at_least_once" in self.free:
            count = min(count, 1)
        times = ("not sent", "sent once", "sent twice")[count] if count < 3 else "sent more than twice"
        self.facts[("sent", *key, *self.names[number])] = Fact(kind, situation, times)
        frame = self.first.get((number, call.content))
        if frame is not None:
            seen = shape(self.history.frames[frame], "additions" in self.free)
            if seen is not None:
                self.facts[("content", *key, *self.names[number])] = Fact("content", "of an event", seen)

    def _outcome(self, call: Call, kind: str, state: str) -> str:
        if call.status == FAILED:
            return f"raises {call.error.partition(':')[0]}"
        if call.status == CANCELLED:
            return "is cancelled"
        if call.status != ACCEPTED:
            return "never returns"
        value = call.value
        if kind != "publish":
            return "refuses" if kind == "connect" and value is False else "goes well"
        if value is None:
            return "returns nothing"
        if isinstance(value, bool):
            return "returns a bool" if state else f"returns {value}"
        if isinstance(value, int):
            return f"returns {value}" if self.counts and not state else "returns a number"
        names = {float: "a number", str: "text", bytes: "bytes", dict: "a dict", list: "a list", tuple: "a tuple"}
        return f"returns {names.get(type(value), 'an object of its own')}"

    # -- connections -----------------------------------------------------------------------------------------

    def connections(self) -> None:
        history = self.history
        closed = {int(found[1]): at for at, note in history.notes if (found := CLOSES.match(note))}
        for number, episode in enumerate(history.episodes):
            if episode.connected == NEVER:
                continue
            name = self.names[number]
            how = self.how.get(episode.socket)
            if how in (None, "closed") and episode.excused >= episode.connected:
                others = [history.episodes[other] for other in self.mine[episode.user] if other != number]
                beside = any(o.connected < episode.leaving and o.left > episode.connected for o in others)
                at = closed.get(episode.socket, NEVER)
                by = "closes it" if episode.connected < at < episode.leaving else "leaves it open"
                situation = "a connection of a user with several" if beside else "a connection"
                self.facts[("closes", *name)] = Fact("closes", situation, by)
            if _broke(episode) or self._early(episode):
                continue
            order = [c for c in self.sequence[number] if history.contents[c].users == {episode.user}]
            if len(order) > 1:
                value = "in the order of their publishes" if order == sorted(order) else "in another order"
                self.facts[("order", *name)] = Fact("order", "to a connection", value)
            besides = ", ".join(sorted(self.besides[number])) or "nothing"
            self.facts[("frames", *name)] = Fact("frames", "to a connection, besides events", besides)


def _is_open(episode: Episode, at: int) -> bool:
    return episode.connected < at < episode.leaving


def _broke(episode: Episode) -> bool:
    """Whether something happened to the connection before its user left."""
    return episode.excused < episode.leaving


def shape(frame: Frame, additions: bool = False) -> str | None:
    """The frame against the event that was published: what is missing, added (place and kind), or altered.

    None where the history kept too little of the frame to tell.
    """
    altered = f"altered: {frame.altered}" if frame.altered else ""
    if additions:
        return altered or "as it was published"
    try:
        root = json.loads(frame.sample)
    except ValueError:
        return None if len(frame.sample.encode()) > SAMPLE - 4 else "not JSON"
    paths: dict[str, str] = {}
    _paths(root, "", paths)
    added = [f"+{path} ({kind})" for path, kind in sorted(paths.items()) if path not in _BASE]
    missing = [f"-{path}" for path in sorted(_BASE - paths.keys())]
    return ", ".join((*added, *missing, *([altered] if altered else []))) or "as it was published"


def _paths(value: Any, path: str, found: dict[str, str]) -> None:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            _paths(inner, f"{path}.{name}" if path else str(name), found)
    elif isinstance(value, list) and value:
        for inner in value:
            _paths(inner, f"{path}[]", found)
    else:
        names = {bool: "bool", int: "number", float: "number", str: "text", dict: "object", list: "list"}
        found[path or "."] = names.get(type(value), "null")
