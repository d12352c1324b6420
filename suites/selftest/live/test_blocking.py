"""Whether whoever does not read holds up others is told: by WebSocket, by event streams, and by Socket.IO."""

import asyncio
import contextlib
import socket

import event_streams
import planted
import pytest
import socketio
from serving import SECRET, all_judged, check, failed
from test_socket_io import Room

from crosstalk.scenarios.live.program import LiveProgram, draw


class Long:
    """What is sent soon fills the buffers between."""

    def event(self, kind, user, run, thread, payload):
        return {**super().event(kind, user, run, thread, payload), "long": "x" * 30_000}


class WebSockets(Long, planted.SmallBuffers):
    """Correct."""


class OneWriter(Long, planted.OneWriter):
    pass


class Streams(Long, event_streams.Streams):
    """Correct."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


class OneWriterOfStreams(Streams):
    """One writer for all streams, which waits for whoever does not read."""

    def enter(self, stream):
        stream.queue = asyncio.Queue(1)
        super().enter(stream)

    def send(self, stream, event):
        if not hasattr(self, "outbox"):
            self.outbox = asyncio.Queue()
            self.writing = asyncio.ensure_future(self.write())
        self.outbox.put_nowait((stream, (len(self.kept), event)))

    async def write(self):
        while True:
            stream, numbered = await self.outbox.get()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.queue.put(numbered), 20)


class WaitsForReceipts(Room):
    """The next event is sent when each connection has acknowledged the one before."""

    def publish(self, user, event):
        if not hasattr(self, "outbox"):
            self.outbox = asyncio.Queue()
            self.writing = asyncio.ensure_future(self.write())
        self.outbox.put_nowait((user, event))

    async def write(self):
        sio = self.server.sio
        while True:
            user, event = await self.outbox.get()
            for sid, _ in list(sio.manager.get_participants("/support", user)):
                with contextlib.suppress(socketio.exceptions.TimeoutError):
                    await sio.call(event["type"], event, to=sid, namespace="/support", timeout=20)


HOLD_UP = (OneWriter, OneWriterOfStreams, WaitsForReceipts)
RIGHT = (WebSockets, Streams, Room)


def room(made):
    @contextlib.asynccontextmanager
    async def serve():
        async with made.server.serving() as url:
            yield f"{url}/#/support"

    return serve


@pytest.fixture(scope="module")
def verdicts():
    def stalled(seed, number, users, *more) -> LiveProgram:
        return draw(seed, 3, users, 1)

    def case(made):
        changes = {"users": 3, "devices": 1, "duration": 8.0, "run_seconds": 5.0}
        if isinstance(made, Room):
            return room(made), {"carrier": "message", **changes}
        if isinstance(made, Streams):
            changes["cause"] = f"{made.url}/ask"
        return made.serving, changes

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("crosstalk.live_examination.draw", stalled)
        patched.setattr("crosstalk.scenarios.live.program.PILED", 2)  # a busy machine has time for no more
        return all_judged({kind: case(kind(SECRET, 0.001)) for kind in (*HOLD_UP, *RIGHT)})


@pytest.mark.parametrize("kind", HOLD_UP, ids=lambda kind: kind.__name__)
def test_who_does_not_read_holds_up_others(kind, verdicts):
    assert "blocking" in failed(verdicts[kind]), verdicts[kind].checks
    assert len({*check(verdicts[kind], "blocking").violations[0].users}) == 2


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_who_does_not_read_holds_up_nobody(kind, verdicts):
    assert not failed(verdicts[kind]), verdicts[kind].checks
    assert check(verdicts[kind], "blocking").verdict == "pass"
