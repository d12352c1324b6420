"""Socket.IO by python-socketio's client, against its server: what is said and heard, and how connections end."""

import asyncio
import contextlib
import json
import re
import socket
import sys

import pytest
import socketio
import uvloop
from engineio.base_client import connected_clients
from event_streams import served
from serving import SECRET, check, judged, serving

import crosstalk.targets
from crosstalk.auth.base import Credential
from crosstalk.demo.chat import Chat
from crosstalk.live_examination import Unreachable
from crosstalk.targets.connection import Limits, NotConnected, Terms
from crosstalk.targets.socket_io import connect, emitted
from crosstalk.targets.transports import transport

ALICE = Credential("alice", first_message='{"token":"t-alice"}')


class Server:
    """Admits whoever has a token to `/` and `/support`; `handlers` are its events; notes what it hears."""

    def __init__(self, **handlers):
        self.sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", max_http_buffer_size=1 << 24)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/socket.io"
        self.heard, self.left, self.environ = [], [], None
        for namespace in ("/", "/support"):
            self.sio.on("connect", self.connected, namespace=namespace)
            self.sio.on("disconnect", self.disconnected, namespace=namespace)
            for event, handler in handlers.items():
                self.sio.on(event, self.calling(handler, namespace), namespace=namespace)

    def calling(self, handler, namespace):
        async def call(sid, *arguments):
            self.heard.append((namespace, arguments))
            return await handler(self.sio, sid, namespace)

        return call

    async def connected(self, sid, environ, auth=None):
        self.environ = environ
        if not (auth or {}).get("token", "").startswith("t-"):
            raise socketio.exceptions.ConnectionRefusedError("no token, no entry")

    async def disconnected(self, sid, reason):
        self.left.append(reason)

    @contextlib.asynccontextmanager
    async def serving(self):
        async with served(socketio.ASGIApp(self.sio), self.listening):
            yield self.url


@contextlib.asynccontextmanager
async def connected(url, credential=ALICE, **options):
    received, ended = [], []
    made = await connect(
        url, credential, lambda _, data: received.append(data), lambda _, how: ended.append(how), Terms(**options)
    )
    made.received, made.ended = received, ended
    try:
        yield made
    finally:
        await made.close()


async def until(condition, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def telling(sio, sid, namespace):
    await sio.emit("one", {"n": 1}, to=sid, namespace=namespace)
    await sio.emit("many", ({"n": 2}, "x"), to=sid, namespace=namespace)
    await sio.emit("none", to=sid, namespace=namespace)
    await sio.emit("typed", {"event": "mine", "n": 3}, to=sid, namespace=namespace)
    await sio.emit("raw", {"n": b"bytes"}, to=sid, namespace=namespace)
    return {"taken": True}


TOLD = [
    {"event": "one", "n": 1},
    {"event": "many", "data": [{"n": 2}, "x"]},
    {"event": "none", "data": []},
    {"event": "mine", "n": 3},
    {"event": "raw", "n": "bytes"},
    {"event": "ack", "taken": True},
]


@pytest.mark.parametrize("address", ["", "/?transport=polling", "/#/support", "/?transport=polling#/support"])
def test_events_and_answers_are_received_and_what_is_said_is_heard(address):
    server = Server(ask=telling)

    async def main():
        async with server.serving() as url, connected(url + address) as made:
            await made.send('["ask", {"a": 1}, 2]')
            await until(lambda: len(made.received) == len(TOLD))
            assert await made.ping(1.0)
            return [json.loads(frame) for frame in made.received]

    found = asyncio.run(main())
    assert sorted(map(str, found)) == sorted(map(str, TOLD))
    assert [event for event in found if "ack" not in str(event)] == TOLD[:-1], "in their order"
    assert server.heard == [("/support" if "#" in address else "/", ({"a": 1}, 2))]


def test_what_a_credential_carries_is_sent():
    server = Server()
    credential = Credential(
        "anna",
        headers=(("Authorization", "Bearer t"),),
        query=(("user", "a b&c"),),
        cookies=(("sid", "1"),),
        first_message='{"token":"t-anna"}',
    )

    async def main():
        async with server.serving() as url, connected(url, credential, origin="https://app.example"):
            pass

    asyncio.run(main())
    assert server.environ["HTTP_AUTHORIZATION"] == "Bearer t" and "sid=1" in server.environ["HTTP_COOKIE"]
    assert server.environ["HTTP_ORIGIN"] == "https://app.example"
    assert "user=a+b%26c" in server.environ["QUERY_STRING"] and "EIO=4" in server.environ["QUERY_STRING"]


def test_what_a_message_stands_for():
    assert emitted('["ask", 1, {}]') == ("ask", (1, {}))
    assert emitted('{"type": "start_agent", "payload": {"a": 1}}') == ("start_agent", ({"a": 1},))
    assert emitted('{"type": "ask", "a": 1}') == ("ask", ({"type": "ask", "a": 1},))
    assert emitted('{"a": 1}') == ("message", ({"a": 1},))


@pytest.mark.parametrize("address", ["", "?transport=polling"])
def test_how_it_ends_is_told(address):
    async def goodbye(sio, sid, namespace):
        await sio.disconnect(sid, namespace)

    async def large(sio, sid, namespace):
        await sio.emit("large", "x" * 5_000, to=sid)

    server = Server(goodbye=goodbye, large=large)
    ends = ["close", "reset", "abort", "goodbye", *(["large"] if not address else [])]

    async def main():
        async with server.serving() as url:
            for end in ends:
                async with connected(url + address, limits=Limits(message_bytes=2_000)) as made:
                    if end in ("goodbye", "large"):
                        await made.send(json.dumps([end]))
                    else:
                        result = getattr(made, end)()
                        if result is not None:
                            await result
                    await until(lambda made=made: made.ended)
                    (how,) = made.ended
                    assert how.by == {"goodbye": "server", "large": "broken"}.get(end, "us"), how
                    assert not made.is_open and not await made.ping(0.01)
                    with pytest.raises(ConnectionError):
                        await made.send("[1]")

    asyncio.run(main())
    assert not connected_clients, "the library holds none of them"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_does_not_read_receives_nothing_and_who_reads_again_gets_everything(loop):
    sent = 0

    async def flood(sio, sid, namespace):
        nonlocal sent
        for number in range(300):
            await sio.emit("much", {"n": number, "x": "x" * 30_000}, to=sid)
            sent += 1

    server = Server(flood=flood)

    async def main():
        async with server.serving() as url, connected(url, receive_buffer=4096) as made:
            await made.send('["flood"]')
            made.pause_reading()
            await until(lambda: sent == 300)
            assert len(made.received) < 300
            assert not made._transport().is_reading(), "TCP holds up the server"
            held = len(made.received)
            await asyncio.sleep(0.1)
            assert len(made.received) == held
            made.resume_reading()
            await until(lambda: len(made.received) == 300, 20)
            assert [json.loads(frame)["n"] for frame in made.received] == list(range(300))
            made.fall_silent()
            made.resume_reading()
            assert made.is_open

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


def test_a_log_in_that_is_not_accepted_is_told_in_the_servers_words():
    async def main():
        async with Server().serving() as url, connected(url, Credential("nobody")):
            pass

    with pytest.raises(NotConnected, match="did not accept the log-in: no token, no entry") as refused:
        asyncio.run(main())
    assert refused.value.kind == "denied"


async def no_socket_io(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body"})


def test_what_is_no_socket_io_server_is_not_connected():
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/socket.io"

    async def main():
        async with served(no_socket_io, listening):
            for address, status in (("", 403), ("?transport=polling", 404)):
                with pytest.raises(NotConnected, match=f"answered {status}") as refused:
                    async with connected(url + address):
                        pass
                assert (refused.value.kind, refused.value.status) == ("status", status)
            with pytest.raises(NotConnected, match="TLS"):
                async with connected(url.replace("http:", "https:")):
                    pass
        for address, kind in ((url, "refused"), ("http://nowhere.invalid/socket.io", "dns")):
            with pytest.raises(NotConnected) as refused:
                async with connected(address):
                    pass
            assert refused.value.kind == kind, refused.value

    asyncio.run(main())


def test_redirects_are_not_followed_and_secrets_not_shown():
    asked = []

    async def away(scope, receive, send):
        asked.append(scope["path"])
        headers = [(b"location", f"http://127.0.0.1:{port}/elsewhere".encode())]
        kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
        await send({"type": f"{kind}.start", "status": 302, "headers": headers})
        await send({"type": f"{kind}.body", "body": b""})

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    credential = Credential("alice", query=(("token", "hunter22222"),))

    async def main():
        async with served(away, listening):
            for address in ("", "?transport=polling"):
                with pytest.raises(NotConnected, match="answered 302") as refused:
                    async with connected(f"http://127.0.0.1:{port}/socket.io{address}", credential):
                        pass
                assert "hunter22222" not in str(refused.value)

    asyncio.run(main())
    assert asked == ["/socket.io/"] * 2


WRONG = {
    "http://127.0.0.1/socket.io?transport=pigeon": "is no transport of Socket.IO",
    "http://127.0.0.1/socket.io#support": "is no namespace: it begins with a slash",
    "http://me:hunter22@127.0.0.1/socket.io": "give credentials by --auth",
    "ftp://127.0.0.1/socket.io": "is no address of a Socket.IO server",
}


@pytest.mark.parametrize("url", WRONG)
def test_addresses_that_are_none(url):
    with pytest.raises(ValueError, match=WRONG[url]) as refused:
        transport(url, True)
    assert "hunter22" not in str(refused.value)


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.delitem(sys.modules, "crosstalk.targets.socket_io")
    monkeypatch.delattr(crosstalk.targets, "socket_io")
    monkeypatch.setitem(sys.modules, "socketio", None)
    with pytest.raises(ValueError, match=r"needs socketio, .*: pip install 'pytest-crosstalk\[socketio\]'"):
        transport("http://127.0.0.1/socket.io", True)


class Room(Chat):
    """The demonstration chat in a namespace of a Socket.IO server; a room a user, and each run is acknowledged."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.server = Server()
        self.server.sio.on("connect", self.entering, namespace="/support")
        self.server.sio.on("start_agent", self.asking, namespace="/support")

    async def entering(self, sid, environ, auth=None):
        class Asked:
            headers = {"Authorization": f"Bearer {(auth or {}).get('token')}"}  # noqa: RUF012 - read once
            path = "/"

        user = self.user_of(Asked)
        if user is None:
            raise socketio.exceptions.ConnectionRefusedError("log in first")
        await self.server.sio.save_session(sid, user, namespace="/support")
        await self.server.sio.enter_room(sid, user, namespace="/support")

    async def asking(self, sid, data):
        user = await self.server.sio.get_session(sid, namespace="/support")
        task = asyncio.create_task(self.run(user, data["user_request"], data["run_id"], data["thread_id"]))
        self.runs.add(task)
        task.add_done_callback(self.runs.discard)
        return {"accepted": data["run_id"]}

    def publish(self, user, event):
        data = {key: value for key, value in event.items() if key != "type"}
        self.sending = asyncio.ensure_future(self.server.sio.emit(event["type"], data, to=user, namespace="/support"))


def test_who_is_not_admitted_is_asked_how_its_users_log_in():
    words = "did not accept the log-in: log in first; does --auth say how its users log in?"
    with serving(Room(SECRET).server.serving) as url, pytest.raises(Unreachable, match=re.escape(words)):
        judged(url + "/#/support")


def test_a_chat_in_a_namespace_is_judged_over_long_polling():
    made = Room(SECRET, 0.01)
    with serving(made.server.serving) as url:
        verdict = judged(
            url + "/?transport=polling#/support", carrier="message", users=4, duration=2.0, run_seconds=4.0
        )
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert check(verdict, "golden_path").opportunities > 4
