"""A hash-chained journal: each line names the hash of the line before, so that none can be changed, cut out or added.

Of what was sent it says whose event went to whom and when, by canary; never the content. Of a live run it is everything
that was received, taken from the run's own journal. The chain alone does not show that its end is missing; that is what
the head, kept in the manifest, is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from crosstalk.model.canary import TOKEN
from crosstalk.model.live_history import BASES
from crosstalk.model.live_records import histories
from crosstalk.model.scene import Scene
from crosstalk.model.verdict import Verdict
from crosstalk.scenarios.live.journal import records

GENESIS = "0" * 64
MOST = 200_000
"""Deliveries of a live run that are told one by one."""
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Broken(ValueError):
    """The chain does not hold; the message names the line."""


def written(entries: Iterable[Mapping[str, Any]]) -> tuple[bytes, str]:
    """The journal's text and its head, the hash of the last line."""
    lines: list[bytes] = []
    head = GENESIS
    for number, entry in enumerate(entries, 1):
        line = _ENCODER.encode({"n": number, "before": head, **entry})
        head = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    return b"".join(lines), head


def verified(text: bytes) -> tuple[int, str]:
    """How many lines, and the head. Raises Broken."""
    head, count = GENESIS, 0
    for count, line in enumerate(text.splitlines(), 1):
        try:
            entry = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Broken(f"line {count} of the journal is damaged") from None
        if not isinstance(entry, dict) or entry.get("n") != count or entry.get("before") != head:
            raise Broken(f"line {count} of the journal does not follow the line before it")
        head = hashlib.sha256(line).hexdigest()
    if text and not text.endswith(b"\n"):
        raise Broken("the last line of the journal is cut off")
    return count, head


def entries(name: str, verdict: Verdict, digest: str) -> Iterator[dict[str, Any]]:
    """What a verdict (in the file `name`, with that SHA-256) says, and who was sent what in each run it shows."""
    yield {
        "kind": "verdict",
        "file": name,
        "sha256": digest,
        "verdict": verdict.verdict,
        "target": _plain(verdict.target),
        "seed": verdict.seed,
        "deliveries": verdict.explored.deliveries,
    }
    for control in verdict.controls:
        yield {"kind": "control", "check": control.check, "sabotage": control.sabotage, "caught": control.caught}
    for check in verdict.checks:
        yield {
            "kind": "check",
            "check": check.name,
            "verdict": check.verdict,
            "opportunities": check.opportunities,
            "violations": len(check.violations),
        }
        for violation in check.violations:
            yield {"kind": "violation", "check": check.name, "cause": _plain(violation.cause)}
            if violation.exhibit is not None:
                yield from _sent(violation.exhibit.scene)


def received(path: Path, verdict: Verdict) -> Iterator[dict[str, Any]]:
    """Who received whose event when in a live run, the first MOST of them, from its journal at `path`.

    The sum of that journal binds the rest. Raises OSError, and ValueError where it is damaged or of another run.
    """
    rounds = deliveries = 0
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    yield {"kind": "live journal", "file": path.name, "sha256": digest}
    try:
        for history in histories(records(path)):
            rounds += 1
            deliveries += history.deliveries
            columns = (history.at_time, history.at_episode, history.at_owner, history.at_basis, history.at_type)
            before = deliveries - history.deliveries
            for time, episode, owner, basis, type_ in islice(zip(*columns, strict=True), max(0, MOST - before)):
                place = history.episodes[episode]
                yield {
                    "kind": "received",
                    "round": history.number,
                    "seconds": time,
                    "by": _plain(history.users[place.user]),
                    "device": place.device,
                    "owners": [_plain(history.users[owner])] if owner >= 0 else [],
                    "told by": BASES[basis],
                    "type": _plain(history.types[type_]),
                }
    except (LookupError, ArithmeticError, TypeError) as error:
        raise ValueError(f"{path} is damaged: its records do not fit together ({type(error).__name__})") from None
    if deliveries > MOST:
        yield {"kind": "left out", "deliveries": deliveries - MOST}
    live = verdict.live
    if live is None or (rounds, deliveries) != (live.rounds, live.deliveries):
        raise ValueError(f"{path} is the journal of another run than its verdict: {deliveries:,} deliveries")


def _sent(scene: Scene) -> Iterator[dict[str, Any]]:
    for arrival in scene.arrivals:
        connection = scene.connections[arrival.connection]
        owners = {scene.owners[event] for event in arrival.events + arrival.quoted}
        yield {
            "kind": "sent",
            "time": arrival.started,
            "to": _plain(scene.users[connection.user]),
            "device": _plain(connection.device),
            "owners": [_plain(scene.users[owner]) for owner in sorted(owners)],
            "canaries": [token.decode() for token in TOKEN.findall(arrival.sample.encode("utf-8", "replace"))],
            "ending": arrival.ending,
        }


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()[:400]
