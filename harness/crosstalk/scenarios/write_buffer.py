"""Sending without waiting, as `websockets.broadcast` does: into the connection's write buffer, at once.

What it calls is the connection's sans-I/O protocol. The first step of the send, which records it, is taken within the
call; the rest of it is a task of the harness.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from crosstalk.scenarios.library_types import websockets_state

if TYPE_CHECKING:
    from crosstalk.scenarios.socket import Socket


class Protocol:
    """What `websockets.broadcast` writes through: into the connection's buffer, at once and waiting for nobody."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    @property
    def state(self) -> Any:
        return websockets_state("CLOSED" if self._socket.closed else "OPEN")

    def send_text(self, data: bytes) -> None:
        world = self._socket._world
        sending = world.send(self._socket._serial, bytes(data))
        try:
            gate = sending.send(None)
        except (StopIteration, ConnectionResetError, RuntimeError):
            return
        world.own.append(world.loop.create_task(_finish(sending, gate)))

    send_binary = send_text


async def _finish(sending: Coroutine[Any, Any, None], gate: Any) -> None:
    """The rest of a send whose first step has been taken."""
    with contextlib.suppress(ConnectionResetError, RuntimeError):
        await _Begun(sending, gate)


class _Begun:
    def __init__(self, sending: Coroutine[Any, Any, None], gate: Any) -> None:
        self._sending = sending
        self._gate = gate

    def __await__(self) -> Generator[Any, Any, None]:
        gate = self._gate
        while True:
            try:
                answer = yield gate
            except BaseException as error:
                step = functools.partial(self._sending.throw, error)
            else:
                step = functools.partial(self._sending.send, answer)
            try:
                gate = step()
            except StopIteration:
                return
