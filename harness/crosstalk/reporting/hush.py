"""While a broadcaster is explored, nothing is heard of what it prints and logs in its thousands of runs.

Handlers that it makes meanwhile keep the silent stream. `crosstalk replay` shows what it says in one run.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Silence(io.TextIOBase):
    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


_SILENCE = _Silence()


@contextmanager
def hush() -> Iterator[None]:
    """Within the block standard output and error lead nowhere."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = _SILENCE
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
