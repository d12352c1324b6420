"""Places in the broadcaster's own code: where it raised, where it waits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

_OURS = str(Path(__file__).parents[1])
_ASYNCIO = str(Path(asyncio.__file__).parent)


def raised_at(error: BaseException) -> str:
    """The last line of the traceback that is not the harness's."""
    trace = error.__traceback__
    name = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not name or not code.co_filename.startswith(_OURS):
            name = f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return name


def waiting_at(task: asyncio.Task[Any]) -> str:
    """Where the broadcaster's code that `task` runs waits: the innermost line that is neither the harness's nor, where
    there is another, asyncio's."""
    coroutine: Any = task.get_coro()
    place = ""
    for _ in range(60):
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        code = frame.f_code if frame is not None else None
        within = (_OURS, _ASYNCIO) if place else _OURS
        if frame is not None and code is not None and not code.co_filename.startswith(within):
            place = f"{code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno} in {code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
        if coroutine is None:
            break
    return place
