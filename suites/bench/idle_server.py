"""A WebSocket server that only lets users in: `python idle_server.py KEY` prints its port.

Who is let in carries `Authorization: Bearer USER.MAC`, a keyed hash of the user's id. Nothing is ever sent to anybody.
"""

from __future__ import annotations

import asyncio
import re
import resource
import sys
from hashlib import blake2b
from hmac import compare_digest

from websockets.utils import accept_key

TOKEN = re.compile(rb"\r\nauthorization: bearer (\w+)\.(\w+)\r\n", re.IGNORECASE)
NUMBER = re.compile(rb"\r\nsec-websocket-key: (\S+)\r\n", re.IGNORECASE)


def open_many() -> None:
    """Let this process have as many connections as the system allows it."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def mac(key: str, user: str) -> str:
    return blake2b(user.encode(), key=key.encode(), digest_size=16).hexdigest()


class Door(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.said = b""

    def data_received(self, data: bytes) -> None:
        self.said += data
        if not self.said.endswith(b"\r\n\r\n"):
            return
        token, number = TOKEN.search(self.said), NUMBER.search(self.said)
        if (
            token is None
            or number is None
            or not compare_digest(mac(sys.argv[1], token[1].decode()).encode(), token[2])
        ):
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()
            return
        answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.transport.write(f"{answer}Sec-WebSocket-Accept: {accept_key(number[1].decode())}\r\n\r\n".encode())
        self.said = b""


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Door, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    open_many()
    asyncio.run(main())
