"""All figures of the bench as one markdown table: `python suites/bench/run.py [--quick] [NAME ...]`.

Each script runs in a process of its own, one after another, and prints as it ends; NAME picks some of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
from sidebyside import Row, table

SCRIPTS = (
    *("pipeline", "against_detangle", "drawing", "scale", "checks_alone", "reports"),
    *("live_receive", "live_against", "live_idle", "live_memory", "live_share"),
)
HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCRIPTS)} (default: all)")
    options = parser.parse_args()
    failed = 0
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, {platform.system()}\n", flush=True)
    lines = 0
    for name in options.names or SCRIPTS:
        command = [sys.executable, str(HERE / f"{name}.py"), "--json", *(["--quick"] if options.quick else [])]
        ran = subprocess.run(command, stdout=subprocess.PIPE)
        if ran.returncode:
            failed = 1
            rows = [Row(name, f"failed with exit code {ran.returncode}", "to run", False)]
        else:
            rows = msgspec.json.decode(ran.stdout, type=list[Row])
        failed |= any(row.met is False for row in rows)
        print("\n".join(table(rows).splitlines()[2 if lines else 0 :]), flush=True)
        lines += len(rows)
    return failed


if __name__ == "__main__":
    sys.exit(main())
