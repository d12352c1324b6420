"""The demonstration application in a process of its own, for as long as a context is open."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

SECONDS_TO_END = 5.0


class DemoFailed(Exception):
    """The demonstration application did not start."""


@contextlib.contextmanager
def running(secret: str, pace: float = 0.01) -> Iterator[str]:
    """Start it; gives its address. Its standard input ends when we do, and so does it."""
    server = subprocess.Popen(
        [sys.executable, "-m", "crosstalk.demo", "--pace", str(pace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CROSSTALK_JWT_SECRET": secret},
        start_new_session=True,  # Ctrl-C is for the harness, which closes its connections first
    )
    assert server.stdout is not None and server.stdin is not None
    try:
        url = server.stdout.readline().strip()
        if not url.startswith("ws://"):
            raise DemoFailed("the demonstration application did not start")
        yield url
    finally:
        server.stdin.close()
        try:
            server.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()
