"""Starlette's own WebSocket objects on simulated connections, one per connection."""

from starlette.websockets import WebSocket


def opened(websocket) -> WebSocket:
    """Starlette's object for a new connection, kept on the connection itself."""
    websocket.starlettes = WebSocket(websocket.scope, websocket.receive, websocket.send)
    return websocket.starlettes


def of(websocket) -> WebSocket:
    """Starlette's object of an open connection."""
    return websocket.starlettes
