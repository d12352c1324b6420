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
    """The transport of `url`. Raises ValueError with one sentence where it has none."""
    try:
        if url.lower().startswith(("http:", "https:")):
            from crosstalk.targets import sse

            sse.address(url)
            return Transport(sse.connect, takes_messages=False)
        from crosstalk.targets import websocket

        websocket.address(url)
        return Transport(websocket.connect)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{url.partition('?')[0]} needs {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'"
        ) from None
