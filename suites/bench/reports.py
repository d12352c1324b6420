"""What reports cost: time and memory of writing them, and the share of exploration that recording for them takes.

Writing is measured in a fresh process: processor time and peak memory of the whole process with its imports, for
everything that a run leaves behind, of a verdict with 50 violations whose pictures hold 10,000 deliveries.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import work
from sidebyside import Row, compare, main

from crosstalk.examination import _Explorer, explore, open_target

VIOLATIONS, DELIVERIES = 50, 10_000
SECONDS, MEGABYTES, SHARE = 2.0, 150, 0.9
WRITE = """
import json, resource, sys, time
from pathlib import Path
from crosstalk.reporting.folder import leave
from crosstalk.reporting.reading import read_verdict
page = leave(read_verdict(Path(sys.argv[1])), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.process_time(), peak, page.stat().st_size]))
"""


def verdict() -> bytes:
    """The verdict as a file's text, made by what the tests of reports make theirs by."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "selftest"))
    import msgspec
    from verdicts import made

    users = tuple(f"user{number}" for number in range(8))
    return msgspec.json.encode(made(VIOLATIONS, users, arrivals=DELIVERIES // VIOLATIONS, sample="x" * 400))


def writing(repeats: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "verdict.json")
        path.write_bytes(verdict())
        found = [
            json.loads(subprocess.check_output([sys.executable, "-c", WRITE, str(path), str(Path(folder, "out"))]))
            for _ in range(repeats)
        ]
    seconds, memory = (statistics.median(one[at] for one in found) for at in (0, 1))
    what = f"reports of {DELIVERIES:,} deliveries and {VIOLATIONS} violations"
    return [
        Row(f"{what}, seconds", f"{seconds:.2f}", f"at most {SECONDS:g}", seconds <= SECONDS),
        Row(f"{what}, megabytes", f"{memory:.0f}", f"at most {MEGABYTES}", memory <= MEGABYTES),
        Row(f"{what}, bytes of index.html", f"{found[0][2]:,}", "at most 1,000,000", found[0][2] <= 1_000_000),
    ]


def recording(pairs: int) -> Row:
    """Exploring with what an examination records for reports beside exploring alone."""
    plain, recorded = (explore(open_target(work.Hub), 0) for _ in range(2))
    explorer = _Explorer(open_target(work.Hub), 0, 1.0, None, None, "any", ())
    explorer.strategies = Counter()

    def ours() -> None:
        run = next(recorded)
        explorer.strategies[run.strategy] += 1
        if run.reached > explorer.reached:
            explorer._reached(run.reached)

    return compare(ours, lambda: next(plain), pairs).row("exploring, recording for reports against not", SHARE)


def rows(quick: bool) -> list[Row]:
    return [*writing(3 if quick else 9), recording(20 if quick else 100)]


if __name__ == "__main__":
    main(rows)
