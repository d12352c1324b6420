"""Real systems, started on loopback for a test and ended with it: each a context manager that yields its URL.

What is missing on the machine (redis-server, Node, its package ws, channels_redis) skips the test and says so. Two
processes share one address: a balancer passes each connection on to the next of them, as in production.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from listening import free_port, listening

HERE = Path(__file__).parent
NODE_MODULES = HERE.parents[2] / ".ci" / "node" / "node_modules"
SECRET = "a secret for the tests, and long enough for HS256"


def _needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"the Python package {module} is not installed")


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis (or Valkey) of its own, in memory; yields its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("neither redis-server nor valkey-server is installed (Debian: redis-server)")
    port = free_port()
    command = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with listening(command, port, folder, program=program):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def node_ws(folder: Path, variant: str) -> Iterator[str]:
    with _node(folder, "node_ws.js", "ws", variant) as port:
        yield f"ws://127.0.0.1:{port}/ws"


@contextlib.contextmanager
def node_socketio(folder: Path, variant: str) -> Iterator[str]:
    with _node(folder, "node_socketio.js", "socket.io", variant) as port:
        yield f"http://127.0.0.1:{port}/socket.io/"


@contextlib.contextmanager
def _node(folder: Path, script: str, package: str, variant: str) -> Iterator[int]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    paths = os.pathsep.join(filter(None, (str(NODE_MODULES), os.environ.get("NODE_PATH", ""))))
    asked = [node, "-e", f"require('{package}')"]
    if subprocess.run(asked, env={**os.environ, "NODE_PATH": paths}, capture_output=True).returncode:
        pytest.skip(f"the npm package {package} is not installed (npm install --prefix .ci/node {package})")
    port = free_port()
    command = [str(HERE / script), str(port), SECRET, variant]
    with listening(command, port, folder, program=node, NODE_PATH=paths):
        yield port


@contextlib.contextmanager
def redis_fan_out(folder: Path, variant: str) -> Iterator[str]:
    """Two processes of websockets with Redis between them."""
    _needs("redis")
    with _two_processes(folder, "redis_fan_out.py", variant) as url:
        yield url


@contextlib.contextmanager
def django_channels(folder: Path, variant: str) -> Iterator[str]:
    """Two processes of Django Channels with channels_redis between them."""
    for module in ("channels_redis", "uvicorn"):
        _needs(module)
    with _two_processes(folder, "channels_chat.py", variant) as url:
        yield url


@contextlib.contextmanager
def socket_io(folder: Path, variant: str) -> Iterator[str]:
    """Two processes of python-socketio with its Redis manager between them."""
    for module in ("socketio", "redis", "uvicorn"):
        _needs(module)
    with _two_processes(folder, "socketio_chat.py", variant) as url:
        yield url.replace("ws:", "http:").removesuffix("ws") + "socket.io/"


@contextlib.contextmanager
def _two_processes(folder: Path, script: str, variant: str) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder))
        ports = []
        for _ in range(2):
            port = free_port()
            stack.enter_context(listening([str(HERE / script), str(port), SECRET, redis, variant], port, folder))
            ports.append(port)
        port = stack.enter_context(balancer(ports))
        yield f"ws://127.0.0.1:{port}/ws"


@contextlib.contextmanager
def balancer(ports: list[int]) -> Iterator[int]:
    """Passes each connection on to the next of `ports`; yields its own. In a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    ready, stop, found = threading.Event(), asyncio.Event(), []
    turn = 0

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        # what one side ends, the other is told: a WebSocket has no half-closed state
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        try:
            behind, forth = await asyncio.open_connection("127.0.0.1", ports[turn % len(ports)])
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(carry(reader, forth), carry(behind, writer))
        finally:
            forth.close()
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
