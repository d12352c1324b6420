"""A server in a process of its own: started on a free port of loopback, waited for, and ended with the test."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def listening(
    command: list[str], port: int, folder: Path, seconds: float = 30, program: str = sys.executable, **environment: str
) -> Iterator[None]:
    """Run `python COMMAND` until the block ends; AssertionError, with what it printed, when it doesn't listen.

    `program` is what to run instead of Python, `environment` adds to this process's own.
    """
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        )
        try:
            ends = time.monotonic() + seconds
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    waited = time.monotonic() > ends
                    assert process.poll() is None and not waited, log.read_text(errors="replace")[-2000:]
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
