"""How large the server is, seen from outside: by its process on this machine, or by the metrics that it shows.

A probe gives quantities by name. Of a process and all that descend from it: resident memory, open files (sockets are
some) and threads. Of metrics in the text format of Prometheus: the same where they are there, and any other by name.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from crosstalk.targets.calling import CallFailed, call

Probe = Callable[[], Awaitable[dict[str, float]]]
MEMORY, FILES, THREADS = "memory", "open files", "threads"
SECONDS = 5.0
_USUAL = {"process_resident_memory_bytes": MEMORY, "process_open_fds": FILES, "process_threads": THREADS}
_LINE = re.compile(r"([A-Za-z_:][\w:]*)(?:\{.*\})?\s+(\S+)(?:\s+\d+)?\s*$")


class ProbeFailed(Exception):
    """The server's size could not be read; the message is one sentence."""


def process(pid: int) -> Probe:
    """The process `pid` and its descendants. Raises ValueError where processes can't be looked at, or there is none."""
    if not Path("/proc/self/statm").exists():
        raise ValueError(f"processes can't be looked at on {sys.platform}: there is no /proc; give --metrics instead")
    look = _Process(pid)
    try:
        look.now()
    except ProbeFailed as failed:
        raise ValueError(str(failed)) from None
    return look


class _Process:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.page = os.sysconf("SC_PAGE_SIZE")

    async def __call__(self) -> dict[str, float]:
        return self.now()

    def now(self) -> dict[str, float]:
        found = {MEMORY: 0.0, FILES: 0.0, THREADS: 0.0}
        todo = [self.pid]
        while todo:
            pid = todo.pop()
            folder = Path(f"/proc/{pid}")
            try:
                found[MEMORY] += int((folder / "statm").read_text().split()[1]) * self.page
                found[FILES] += len(os.listdir(folder / "fd"))
                tasks = os.listdir(folder / "task")
                found[THREADS] += len(tasks)
                for task in tasks:
                    todo += map(int, (folder / "task" / task / "children").read_text().split())
            except PermissionError:
                raise ProbeFailed(f"process {pid} is somebody else's, and can't be looked at") from None
            except (OSError, IndexError, ValueError):
                if pid == self.pid:
                    raise ProbeFailed(f"there is no process {pid}") from None
        return found


def metrics(url: str, gauges: Sequence[str] = ()) -> Probe:
    """The metrics at `url`: those of every process, and `gauges` by their names, of several labels the sum."""
    wanted = {**_USUAL, **{gauge: gauge for gauge in gauges}}

    async def look() -> dict[str, float]:
        try:
            text = await call("GET", url, seconds=SECONDS)
        except CallFailed as failed:
            raise ProbeFailed(f"the call for the metrics {failed}") from None
        found: dict[str, float] = {}
        for line in text.splitlines():
            named = _LINE.match(line)
            if named is not None and named[1] in wanted:
                try:
                    value = float(named[2])
                except ValueError:
                    continue
                found[wanted[named[1]]] = found.get(wanted[named[1]], 0.0) + value
        missing = [gauge for gauge in gauges if gauge not in found]
        if missing or not found:
            raise ProbeFailed(f"the metrics do not tell {', '.join(missing) or 'how large the server is'}")
        return found

    return look
