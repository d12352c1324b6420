"""Sending without waiting, as `websockets.broadcast` does: into the connection's write buffer, at once.

What it calls is the connection's sans-I/O protocol. The send is recorded within the call; waiting
for its end is a task of the harness.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from crosstalk.targets.library_types import websockets_state

if TYPE_CHECKING:
    from crosstalk.scenarios.socket import Socket
    from crosstalk.scenarios.wire import Sending


class Protocol:
    """What `websockets.broadcast` writes through: into the connection's buffer, at once and waiting for nobody."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    @property
    def state(self) -> Any:
        return websockets_state("CLOSED" if self._socket.closed else "OPEN")

    def send_text(self, data: bytes) -> None:
        world = self._socket._world
        try:
            sending = world.begin(self._socket._wire, bytes(data))
        except (ConnectionResetError, RuntimeError):
            return
        if sending is not None:
            world.own[world.loop.create_task(_finish(sending))] = None

    send_binary = send_text


async def _finish(sending: Sending) -> None:
    with contextlib.suppress(ConnectionResetError, RuntimeError):
        await sending
