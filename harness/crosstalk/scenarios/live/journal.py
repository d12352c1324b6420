"""The journal of a live run: a line of JSON a record, appended, and handed to the kernel several times a second.

What has been handed over survives the harness, also when that is killed. A last line that was cut off is left out when
the journal is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from crosstalk.model.live_records import Record

FORMAT = 1
FULL = 1 << 16


class Journal:
    """An open journal; used as a context. Raises OSError where the disk does."""

    def __init__(self, path: Path, target: str = "") -> None:
        self.path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._encode = msgspec.json.Encoder().encode
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self.write(("crosstalk-live", FORMAT, target))
        self.flush()

    def write(self, record: Record) -> None:
        line = self._encode(record)
        self._lines.append(line)
        self._size += len(line)
        if self._size > FULL:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            data = b"\n".join(self._lines) + b"\n"
            self._lines.clear()
            self._size = 0
            while data:
                data = data[os.write(self._file, data) :]

    def close(self) -> None:
        if self._file >= 0:
            self.flush()
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def target(path: Path) -> str:
    """The target that the journal at `path` is of. Raises ValueError and OSError."""
    with path.open("rb") as lines:
        return str(_head(path, lines.readline())[2])


def records(path: Path) -> Iterator[Record]:
    """The records of the journal at `path`. Raises ValueError with one sentence for what is none, and OSError."""
    decode = msgspec.json.Decoder(list).decode
    with path.open("rb") as lines:
        _head(path, lines.readline())
        for number, line in enumerate(lines, 2):
            try:
                yield tuple(decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                if not line.endswith(b"\n"):
                    return  # cut off in the middle of a write
                raise ValueError(f"line {number} of {path} is damaged") from None


def _head(path: Path, line: bytes) -> list[object]:
    try:
        head = msgspec.json.decode(line, type=list)
    except (msgspec.DecodeError, UnicodeDecodeError):
        head = []
    if head[:1] != ["crosstalk-live"]:
        raise ValueError(f"{path} is no journal of a live run")
    if head[1:2] != [FORMAT] or len(head) != 3:
        raise ValueError(f"{path} was written by another version: its format is {head[1:2]}, not {FORMAT}")
    return head
