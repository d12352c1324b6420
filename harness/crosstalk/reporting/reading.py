"""A verdict.json from anywhere: read, or refused in one sentence.

What a file claims is not believed: it has to be of our schema and within bounds that a page can show, and the numbers
by which scenes refer to their own parts have to be there.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from crosstalk.model.live_figures import LiveFigures
from crosstalk.model.scene import Exhibit, Scene
from crosstalk.model.verdict import SCHEMA, Verdict
from crosstalk.model.waits import BOUNDS, SLICES, USERS

MOST_BYTES = 64 * 1024 * 1024


class NoVerdict(ValueError):
    """The file holds no verdict that can be shown; the message is one sentence."""


def read_verdict(path: Path) -> Verdict:
    """The verdict in `path`, or in `path`/verdict.json. Raises NoVerdict."""
    if path.is_dir():
        if not (path / "verdict.json").exists():
            raise NoVerdict(f"{path} holds no verdict.json: let crosstalk check or smoke write it there, by --reports")
        path = path / "verdict.json"
    return decoded(contents(path), str(path))


def contents(path: Path) -> bytes:
    """The bytes of a file that a report is made of. Raises NoVerdict."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise NoVerdict(f"{path} is too large to be a verdict: {size:,} bytes, at most {MOST_BYTES:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise NoVerdict(f"{path} could not be read: {error.strerror or error}") from None


def decoded(text: bytes, where: str) -> Verdict:
    """Raises NoVerdict, naming `where`."""
    if not text.strip():
        raise NoVerdict(f"{where} is empty: let the command that made it write it again")
    try:
        loose = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoVerdict(
            f"{where} is damaged or no JSON ({error}): let the command that made it write it again"
        ) from None
    schema = loose.get("schema") if isinstance(loose, dict) else None
    if not isinstance(loose, dict) or "verdict" not in loose or "checks" not in loose:
        raise NoVerdict(f"{where} is no verdict of crosstalk: give the verdict.json of crosstalk check or smoke")
    if schema != SCHEMA:
        raise NoVerdict(
            f"{where} has schema {schema!r}; this crosstalk reads schema {SCHEMA}: use the one that wrote it"
        )
    try:
        verdict = msgspec.convert(loose, Verdict)
    except (msgspec.ValidationError, RecursionError) as error:
        raise NoVerdict(f"{where} is no verdict of crosstalk: {error}") from None
    if not 0 <= verdict.explored.seconds < 1e9 or (verdict.finished and not 2000 <= verdict.finished.year < 3000):
        raise NoVerdict(f"{where} contradicts itself: it says of no time that can be when its run was")
    if verdict.live is not None and not _measured(verdict.live):
        raise NoVerdict(f"{where} contradicts itself: the figures of its live run do not fit together")
    for check in verdict.checks:
        for violation in check.violations:
            if violation.exhibit is not None and not whole(violation.exhibit):
                raise NoVerdict(f"{where} contradicts itself: a scene of {check.name!r} names what it does not hold")
    return verdict


def _measured(live: LiveFigures) -> bool:
    heat = live.heat
    return all(
        bound in BOUNDS and count > 0 for times in (live.latency, live.connecting) for bound, count in times.buckets
    ) and (
        heat is None
        or (
            heat.width >= 1
            and 1 <= len(heat.users) == len(heat.rows) <= USERS
            and all(1 <= len(row) <= SLICES for row in heat.rows)
            and all(any(wait is not None for wait in row) for row in heat.rows)
            and all(wait is None or wait >= 0 for row in heat.rows for wait in row)
        )
    )


def whole(exhibit: Exhibit) -> bool:
    """Whether its scenes name nothing that they do not hold."""
    return all(consistent(scene) for scene in (exhibit.scene, exhibit.passing) if scene is not None)


def _timed(scene: Scene) -> bool:
    """Whether each moment of a live scene has its second, and each run its number."""
    times = [(a.started, a.returned) for a in scene.acts] + [(a.started, a.ended) for a in scene.arrivals]
    times += [(remark.time, -1) for remark in scene.remarks]
    if scene.culprit is not None:
        times.append((scene.culprit.time, -1))
    return len(scene.runs) == len(scene.owners) and all(
        0 <= begun < len(scene.clock) and ended < len(scene.clock) for begun, ended in times
    )


def consistent(scene: Scene) -> bool:
    """Whether each number in it is of something that it holds."""
    users, connections, events = len(scene.users), len(scene.connections), len(scene.owners)
    culprit = scene.culprit
    if scene.live and not _timed(scene):
        return False
    if culprit is not None:
        among = {"arrival": len(scene.arrivals), "act": len(scene.acts), "missing": len(scene.acts), "end": 1 << 60}
        if culprit.kind != "end" and not 0 <= culprit.number < among[culprit.kind]:
            return False
        if not -1 <= culprit.connection < connections or (culprit.kind != "act" and culprit.connection < 0) * (
            culprit.kind != "end"
        ):
            return False
    return (
        all(0 <= c.user < users for c in scene.connections)
        and all(0 <= a.user < users and -1 <= a.connection < connections and -1 <= a.event < events for a in scene.acts)
        and all(a.kind.isascii() and a.kind.isalpha() for a in scene.acts)  # words that sentences are made of
        and all(
            0 <= a.connection < connections
            and -1 <= a.owner < users
            and all(0 <= e < events for e in a.events + a.quoted)
            for a in scene.arrivals
        )
        and all(0 <= owner < users for owner in scene.owners)
    )
