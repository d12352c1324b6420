"""The demonstration chat on a bad network, or lying: each kind misbehaves in one way, in the middle of runs."""

import asyncio
import contextlib
import socket
import ssl
import struct
import subprocess

from websockets.frames import Opcode

from crosstalk.demo.chat import Chat


class After(Chat):
    """Misbehaves once for every `every`th event that is sent to a connection."""

    every = 25
    count = 0

    def send(self, device, event):
        self.count += 1
        if self.count % self.every == 0:
            self.misbehave(device)
        else:
            super().send(device, event)

    def misbehave(self, device):
        raise NotImplementedError


class Resets(After):
    def misbehave(self, device):
        raw = device.connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        device.connection.transport.abort()


class ClosesWithoutHandshake(After):
    def misbehave(self, device):
        device.connection.transport.close()


class ClosesWithInternalError(After):
    def misbehave(self, device):
        self.closing = asyncio.ensure_future(device.connection.close(1011, "not ready"))


class CutsFrames(After):
    def misbehave(self, device):
        device.connection.transport.write(b"\x81\x7e\x01\x00" + b'{"type":"agent_thin')
        device.connection.transport.close()


class SendsGarbage(After):
    def misbehave(self, device):
        device.connection.transport.write(b"\xf7\x13\x37 this is no frame")


class InvalidUtf8(After):
    def misbehave(self, device):
        device.connection.transport.write(b"\x81\x04\xff\xfe\xfd\xfc")


class Oversize(After):
    def misbehave(self, device):
        device.queue.put_nowait("x" * 2_000_000)


class GarbageText(After):
    """What it sends now and then is a whole WebSocket message, but no JSON."""

    def misbehave(self, device):
        device.queue.put_nowait("<<<< 50 internal error at 0x7f >>>>")


class IgnoresPings(Chat):
    async def connected(self, connection):
        send_frame = connection.protocol.send_frame
        connection.protocol.send_frame = lambda frame: frame.opcode is Opcode.PONG or send_frame(frame)
        await super().connected(connection)


class Dies(After):
    """In the middle of runs every connection is gone, and nobody listens any more."""

    every = 70
    restarts = dead = False

    def misbehave(self, device):
        self.dead = not self.restarts
        for run in list(self.runs):
            run.cancel()
        for device in [device for devices in self.devices.values() for device in devices]:
            device.connection.transport.abort()

    def admit(self, connection, request):
        if self.dead:
            connection.transport.abort()
        return super().admit(connection, request)


class Restarts(Dies):
    restarts = True


class GoesDeaf(Chat):
    """After six messages it takes all others, and connections too, and does nothing about them."""

    count = 0

    def received(self, device, message):
        self.count += 1
        if self.count <= 6:
            super().received(device, message)


class RefusesSome(Chat):
    """Every third opening handshake is answered with `status`."""

    status = 503
    count = 0

    def admit(self, connection, request):
        self.count += 1
        if self.count > 4 and self.count % 3 == 0:
            return connection.respond(self.status, "busy\n")
        return super().admit(connection, request)


class Refuses(Chat):
    """Every opening handshake is answered with `status` and, for a load balancer, a page."""

    def __init__(self, secret, status, page=""):
        super().__init__(secret)
        self.status, self.page = status, page

    def admit(self, connection, request):
        answer = connection.respond(self.status, self.page or "no\n")
        if self.page:
            del answer.headers["Content-Type"]
            answer.headers["Content-Type"] = "text/html"
        return answer


@contextlib.asynccontextmanager
async def saying(answer, wait=0.0):
    """A TCP server that answers every connection with the same bytes, after `wait` seconds, and ends it."""

    speaking = set()

    async def speak(reader, writer):
        speaking.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.sleep(wait)
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"
        for task in speaking:
            task.cancel()  # leaving waits for every connection to be closed


def self_signed(folder):
    """A certificate for localhost that nobody vouches for: (certificate file, key file)."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    return certificate, key


@contextlib.asynccontextmanager
async def encrypted(chat, certificate, key):
    """`chat` behind TLS."""
    from websockets.asyncio.server import serve

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serve(
        chat.connected, "127.0.0.1", 0, ssl=context, process_request=chat.admit, select_subprotocol=chat.protocol
    ) as server:
        yield f"wss://localhost:{next(iter(server.sockets)).getsockname()[1]}/ws"
