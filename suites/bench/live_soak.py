"""A correct live system examined for ten minutes (or SECONDS): false alarms, and how memory grows.

    python live_soak.py NAME [SECONDS]

NAME is one of SYSTEMS: the real servers of the tests, correct, with 20 users who log in, and tokens of two minutes.
"""

from __future__ import annotations

import contextlib
import resource
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "selftest"), str(HERE.parent / "selftest" / "live")]

import event_streams  # noqa: E402 - found by the line above
from serving import SECRET, serving  # noqa: E402
from test_live_servers import SYSTEMS as SERVERS  # noqa: E402
from test_live_servers import planned  # noqa: E402

from crosstalk.live import examine  # noqa: E402


@contextlib.contextmanager
def server(name, folder):
    """The address of the system, and what differs from a WebSocket's."""
    if name in STREAMS:
        made = STREAMS[name](SECRET, 0.01)
        ask = f"{made.url}/ask"
        with serving(made.serving) as url:
            yield (ask, {"cause": "start_agent"}) if name == "answers to POST" else (url, {"cause": ask})
    else:
        with SERVERS[name](folder, "correct") as url:
            yield url, {}


STREAMS = {"event stream": event_streams.Streams, "answers to POST": event_streams.Answers}
SYSTEMS = (*SERVERS, *STREAMS)


def main(name="", seconds="600"):
    if name not in SYSTEMS:
        raise SystemExit(f"which? one of: {', '.join(SYSTEMS)}")
    with tempfile.TemporaryDirectory() as folder, server(name, Path(folder)) as (url, changes):
        prepared = planned(url, users=20, duration=float(seconds), run_seconds=20.0, lifetime=120, **changes)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        verdict = examine(prepared, journal=Path(folder) / "live.jsonl")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    live = verdict.live
    print(f"{name}: {verdict.verdict} in {verdict.explored.seconds:.0f} s, memory grew by {grown / 1024:.0f} MB")
    print(f"{live.rounds} rounds, {live.connections:,} connections, {live.runs:,} runs, {live.deliveries:,} deliveries")
    print(f"first event of a run: p50 {live.latency.p50 * 1e3:.0f} ms, p99 {live.latency.p99 * 1e3:.0f} ms")
    for check in verdict.checks:
        print(f"  {check.name}: {check.verdict}, {check.opportunities:,} opportunities {check.reason}")
        for violation in check.violations:
            print(f"    {violation.message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
