"""Which transport an address is spoken to by: one row each."""

from __future__ import annotations

from crosstalk.targets.connection import Connect
from crosstalk.targets.greeting import Greeting


def transport(url: str, on_connection: bool) -> Connect:
    """What opens connections to `url`, which is checked; `on_connection` says whether users say something on them.

    Raises ValueError with one sentence where nothing does.
    """
    extra = "live"
    try:
        if _is_socket_io(url):
            extra = "socketio"
            from crosstalk.targets import socket_io

            socket_io.address(url)
            return socket_io.connect
        if is_http(url):
            from crosstalk.targets import exchange, sse

            sse.address(url)
            return exchange.connect if on_connection else sse.connect
        from crosstalk.targets import websocket

        websocket.address(url)
        return websocket.connect
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{url.partition('?')[0]} needs {error.name}, which is not installed: "
            f"pip install 'pytest-crosstalk[{extra}]'"
        ) from None


def speaking(
    url: str, on_connection: bool, hello: tuple[str, ...], beat: str = "", beat_seconds: float = 0.0
) -> Connect:
    """The same, and users say `hello` first, and `beat` every so many seconds."""
    connect = transport(url, on_connection)
    return Greeting(connect, hello, is_websocket(url) and "EIO=" not in url, beat, beat_seconds)


def is_address(text: str) -> bool:
    """Whether a running system is meant by `text`, and no broadcaster."""
    return text.lower().startswith(("ws:", "wss:", "http:", "https:"))


def is_websocket(url: str) -> bool:
    """Whether it is spoken to by WebSocket, and not by a client of Socket.IO."""
    return not is_http(url) and not _is_socket_io(url)


def is_http(url: str) -> bool:
    """Whether it is spoken to by HTTP alone."""
    return url.lower().startswith(("http:", "https:")) and not _is_socket_io(url)


def _is_socket_io(url: str) -> bool:
    """Whether it is a Socket.IO server's, and not given as it goes over the wire (with `EIO=` in its query)."""
    path, _, query = url.partition("#")[0].partition("?")
    return path.rstrip("/").endswith("/socket.io") and "EIO=" not in query
