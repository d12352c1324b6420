"""A hash-chained journal: each line names the hash of the line before, so that none can be changed, cut out or added.

Of what was sent it says who sent whose event to whom and when, by canary; never the content. The chain alone does not
show that its end is missing; that is what the head, kept in the manifest, is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from crosstalk.model.canary import TOKEN
from crosstalk.model.scene import Scene
from crosstalk.model.verdict import Verdict

GENESIS = "0" * 64
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
