"""Which transport an address is spoken to by: one row each."""

from __future__ import annotations

from dataclasses import dataclass

from crosstalk.targets.connection import Connect


@dataclass(frozen=True, slots=True)
class Transport:
    """How connections are opened, and whether users can say something on them."""

    connect: Connect
    takes_messages: bool = True


def transport(url: str) -> Transport:
    """The transport of `url`, which is checked. Raises ValueError with one sentence where it has none."""
    extra = "live"
    try:
        if _is_socket_io(url):
            extra = "socketio"
            from crosstalk.targets import socket_io

            socket_io.address(url)
            return Transport(socket_io.connect)
        if url.lower().startswith(("http:", "https:")):
            from crosstalk.targets import sse

            sse.address(url)
            return Transport(sse.connect, takes_messages=False)
        from crosstalk.targets import websocket

        websocket.address(url)
        return Transport(websocket.connect)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{url.partition('?')[0]} needs {error.name}, which is not installed: "
            f"pip install 'pytest-crosstalk[{extra}]'"
        ) from None


def _is_socket_io(url: str) -> bool:
    """Whether it is a Socket.IO server's, and not given as it goes over the wire (with `EIO=` in its query)."""
    path, _, query = url.partition("#")[0].partition("?")
    return path.rstrip("/").endswith("/socket.io") and "EIO=" not in query
