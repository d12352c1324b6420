"""Whether a soak finds what grows and accuses nobody: 300 bytes for each departed user or event, caches, and searches.

    python soaking.py [--quick] [--only NAMES]

What a member of the zoo does for each delivery or connection it says itself (SEARCHES, from reading its code): those
that go through everybody must be found to grow with the number of users, by the very unit; those that look up must not.
Both in processor seconds of this process; --quick takes every fifth member.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import msgspec
from members import ZOO, Member, members
from sidebyside import Row, table

from crosstalk.consolidation.growth import growths
from crosstalk.consolidation.pool import pool
from crosstalk.consolidation.scale import curves
from crosstalk.examination import open_target

HUB = (ZOO / "growing_hub.txt").read_text()
KEPT = "self.kept.append(bytes(267))"  # 300 bytes
GROWING = {
    "departed user": {"container": "[]", "leaving": KEPT, "publishing": "pass"},
    "event": {"container": "[]", "leaving": "pass", "publishing": KEPT},
}
LEVEL = {
    "a cache of the latest 1,000": {"container": "collections.deque(maxlen=1000)", "leaving": KEPT},
    "a cache of the latest 1,900": {"container": "collections.deque(maxlen=1900)", "leaving": KEPT},
    "a slot by hash": {"container": "{}", "leaving": "self.kept[hash(user_id) % 500] = bytes(267)"},
    "a counter": {"container": "collections.Counter()", "leaving": "self.kept['gone'] += 1"},
}
USERS = 4_000
WANTED = 60.0


def timed(work: Callable[[], object]) -> tuple[object, float]:
    began = process_time()
    return work(), process_time() - began


def growth_rows(folder: Path) -> list[Row]:
    rows = []
    path = folder / "hub.py"
    for unit, parts in GROWING.items():
        path.write_text(HUB.format(**parts))
        (found, _), seconds = timed(lambda: growths(open_target(f"{path}:Hub"), USERS))
        grown = {growth.unit: growth for growth in found if growth.grows}
        kept = grown[unit].bytes if unit in grown else None
        said = f"{kept.value:.0f} bytes ({kept.low:.0f} to {kept.high:.0f}) in {seconds:.1f} s" if kept else "not found"
        met = kept is not None and kept.low <= 308 <= kept.high and seconds < WANTED
        rows.append(Row(f"300 bytes for each {unit}, of {USERS:,}", said, f"found within {WANTED:g} s", met))
    accused = []
    for name, parts in LEVEL.items():
        path.write_text(HUB.format(publishing="pass", **parts))
        found, _ = growths(open_target(f"{path}:Hub"), USERS)
        accused += [name for growth in found if growth.grows]
    rows.append(Row("caches that fill up, and a counter", _of(accused, len(LEVEL)), "none accused", not accused))
    return rows


def _of(names: list[str], all_: int) -> str:
    return f"{len(names)} of {all_}" + (f": {', '.join(names)}" if names else "")


def scale_rows(chosen: list[Member]) -> list[Row]:
    searching = found = level = whole = 0
    accused: list[str] = []
    missed: list[str] = []
    broken: list[str] = []
    undrawn: list[str] = []
    seconds = 0.0
    for member in chosen:
        examination = member.opened()
        (costs, notes), taken = timed(lambda examination=examination: curves(examination))
        seconds += taken
        undrawn += [f"{member.name} ({note})" for note in notes if "no curve over users" in note]
        for curve in costs:
            if curve.of != "users":
                continue
            searches = curve.unit in member.searches
            searching += searches
            found += searches and curve.superlinear
            level += not searches
            (missed if searches else accused).extend(
                [f"{member.name} ({curve.unit})"] * (searches != curve.superlinear)
            )
        looked, _ = pool(examination)
        whole += looked is not None
        broken += [member.name] * bool(looked is not None and looked.violations)
        print(f"{member.name}: {taken:.1f} s", file=sys.stderr)
    return [
        Row("curves over users of what goes through everybody, found", f"{found} of {searching}", "all", not missed),
        Row("... of what looks up, accused", _of(accused, level), "none", not accused),
        Row("members without a curve over users", _of(undrawn, len(chosen))),
        Row("pools of correct members, accused", _of(broken, whole), "none", not broken),
        Row("processor seconds for the curves of a member", f"{seconds / max(1, len(chosen)):.1f} s", "", None),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = growth_rows(Path(folder))
    rows += scale_rows(members("correct", only=options.only)[:: 5 if options.quick else 1])
    print(msgspec.json.encode(rows).decode() if options.json else table(rows))
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
