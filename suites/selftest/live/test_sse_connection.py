"""The connection of an event stream against real servers: what is read, what is carried, and how it ends."""

import asyncio
import contextlib
import json
import sys

import pytest
import uvloop

import crosstalk.targets
from crosstalk.auth.base import Credential
from crosstalk.targets import exchange
from crosstalk.targets.cause import NotCaused
from crosstalk.targets.connection import Limits, NotConnected, Terms
from crosstalk.targets.sse import connect
from crosstalk.targets.transports import transport

NOBODY = Credential("nobody")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextlib.asynccontextmanager
async def server(answer, requests=None, hello=b"\r\n\r\n"):
    """Answers each request, which ends in `hello`, by `answer(writer)`, then waits until one of both has left."""

    serving = set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(hello)).decode()
            if requests is not None:
                requests.append(head)
            await answer(writer)
            if not writer.is_closing():
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        try:
            yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/events"
        finally:
            await asyncio.gather(*serving)


def saying(*pieces, end=False):
    async def answer(writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.close()

    return answer


@contextlib.asynccontextmanager
async def connected(url, credential=NOBODY, connect=connect, **options):
    received, ended = [], []
    made = await connect(
        url, credential, lambda _, data: received.append(data), lambda _, how: ended.append(how), Terms(**options)
    )
    made.received, made.ended = received, ended
    try:
        yield made
    finally:
        await made.close()


async def until(condition, seconds=5):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


EVENTS = (
    b": a comment\n\n"
    b'data: {"type":"a",\ndata: "n":1}\n\n'
    b'id: 7\r\nevent: b\r\ndata: {"n":2}\r\n\r\n'
    b'event: c\rdata:{}\r\rdata: {"n":4}\n\n'
    b'event: d\ndata: {"type":"e","id":"mine"}\nid: 8\n\n'
    b"data: ping\n\nevent: f\ndata: \xc3\xa9 text\nretry: 5\n\ndata: [1]\n\n"
    b"event: g\ndata: [1]\n\nevent: h\ndata: [log] text\n\n"
    b"data: never finished"
)
RECEIVED = [
    {"type": "a", "n": 1},
    {"event": "b", "id": "7", "n": 2},
    {"event": "c"},
    {"n": 4},
    {"event": "d", "type": "e", "id": "mine"},
    "ping",
    {"event": "f", "data": "é text"},
    [1],
    {"event": "g", "data": [1]},
    {"event": "h", "data": "[log] text"},
]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_of_every_form_are_read_however_their_bytes_come(size):
    pieces = [EVENTS[at : at + size] for at in range(0, len(EVENTS), size)]

    async def main():
        async with server(saying(HEAD, *pieces)) as url, connected(url) as made:
            await until(lambda: len(made.received) == len(RECEIVED))
            assert made.last_event_id == "8"
            assert await made.ping(1.0)
            return made.received

    found = [message.decode() for message in asyncio.run(main())]
    assert [json.loads(text) if text != "ping" else text for text in found] == RECEIVED


def test_what_a_credential_carries_is_sent_and_so_is_the_last_event_id():
    requests = []
    credential = Credential(
        "anna",
        headers=(("Authorization", "Bearer t"), ("Host", "elsewhere")),
        query=(("token", "a b&c"),),
        cookies=(("sid", "1"), ("x", "2")),
    )

    async def main():
        async with (
            server(saying(HEAD), requests) as url,
            connected(url + "?v=1", credential, origin="https://app.example", last_event_id="41"),
        ):
            return url

    url = asyncio.run(main())
    line, *headers = requests[0].strip().split("\r\n")
    assert line == "GET /events?v=1&token=a%20b%26c HTTP/1.1"
    sent = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
    assert sent["authorization"] == "Bearer t" and sent["cookie"] == "sid=1; x=2"
    assert sent["origin"] == "https://app.example" and sent["last-event-id"] == "41"
    assert sent["accept"] == "text/event-stream" and sent["host"] == url.split("/")[2]


def test_who_leaves_starts_afresh_and_who_is_cut_off_goes_on_where_it_was():
    async def main():
        async with server(saying(HEAD, b"id: 3\ndata: x\n\n")) as url:
            for end in ("close", "reset", "abort"):
                async with connected(url) as made:
                    await until(lambda made=made: made.received)
                    result = getattr(made, end)()
                    if result is not None:
                        await result
                    assert made.last_event_id == ("" if end == "close" else "3"), end
                    await until(lambda made=made: made.ended)
                    assert [how.by for how in made.ended] == ["us"] and not made.is_open
                    assert not await made.ping(0.01)
                    with pytest.raises(ConnectionError):
                        await made.send("anything")

    asyncio.run(main())


def test_a_ping_waits_until_nothing_more_comes():
    async def trickling(writer):
        writer.write(HEAD)
        for number in range(6):
            writer.write(b"data: %d\n\n" % number)
            await asyncio.sleep(0.1)

    async def main():
        async with server(trickling) as url, connected(url) as made:
            assert await made.ping(5.0)
            return made.received

    assert asyncio.run(main()) == [b"%d" % number for number in range(6)]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reset_is_seen_as_such_by_the_server_and_a_close_is_not(loop):
    seen = []

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"data: x\n\n")
        try:
            await reader.read()
            seen.append("closed")
        except ConnectionResetError:
            seen.append("reset")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def main():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
            url = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/events"
            for end in ("reset", "close"):
                async with connected(url) as made:
                    await until(lambda made=made: made.received)
                    if end == "reset":
                        made.reset()
                await until(lambda end=end: len(seen) == ("reset", "close").index(end) + 1)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    assert seen == ["reset", "closed"]


ENDINGS = {
    "at its end": (saying(HEAD, b"data: x\n\n", end=True), "server", "ended the stream"),
    "in the middle": (saying(CHUNKED, b"9\r\ndata: x\n\n\r\n8\r\nda", end=True), "network", "went away"),
    "too large": (saying(HEAD, b"data: x\n\ndata: " + b"y" * 5000), "broken", "larger than 2,000 bytes"),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_how_the_server_ended_it_is_told(case):
    answer, by, words = ENDINGS[case]

    async def main():
        async with server(answer) as url, connected(url, limits=Limits(message_bytes=2000)) as made:
            await until(lambda: made.ended)
            assert made.received == [b"x"]
            return made.ended

    (how,) = asyncio.run(main())
    assert how.by == by and words in how.why


REFUSALS = {
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n": (
        "status",
        "401 Unauthorized instead of an event stream",
    ),
    b"HTTP/1.1 503 Later\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n": ("status", "503"),
    b"HTTP/1.1 302 Found\r\nLocation: /log-in\r\nContent-Length: 0\r\n\r\n": ("status", "302 Found"),
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n": ("answer", "answered with text/html"),
    b"SSH-2.0-OpenSSH_9.2\r\n": ("lost", "before it had answered"),
}


@pytest.mark.parametrize("answer", REFUSALS)
def test_what_is_no_event_stream_is_not_connected(answer):
    kind, words = REFUSALS[answer]

    async def main():
        async with server(saying(answer, end=True)) as url, connected(url):
            pass

    with pytest.raises(NotConnected, match=words) as refused:
        asyncio.run(main())
    assert refused.value.kind == kind
    assert refused.value.retry_after == (2.0 if b"503" in answer else 0.0)


NOWHERE = {
    "http://nowhere.invalid/": ("dns", "the name 'nowhere.invalid' has no address"),
    "http://127.0.0.1:9/": ("refused", "nobody listens there"),
    "https://127.0.0.1:9/": ("refused", "nobody listens there"),
}


@pytest.mark.parametrize("url", NOWHERE)
def test_where_nobody_is_is_said(url):
    kind, words = NOWHERE[url]

    async def main():
        async with connected(url):
            pass

    with pytest.raises(NotConnected, match=words) as refused:
        asyncio.run(main())
    assert refused.value.kind == kind


def test_an_answer_that_never_comes_is_said():
    async def main():
        async with server(saying()) as url, connected(url, limits=Limits(open_seconds=0.2)):
            pass

    with pytest.raises(NotConnected, match=r"no event stream within 0\.2 s"):
        asyncio.run(main())


def test_tls_that_is_not_spoken_is_said():
    async def main():
        plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", end=True)
        async with server(plain, hello=b"\x16\x03") as url, connected(url.replace("http:", "https:")):
            pass

    with pytest.raises(NotConnected, match="TLS") as refused:
        asyncio.run(main())
    assert refused.value.kind == "tls"


@pytest.mark.parametrize("credential", [Credential("a", first_message="{}"), Credential("a", subprotocols=("jwt",))])
@pytest.mark.parametrize("opens", [connect, exchange.connect])
def test_what_http_cannot_carry_is_refused(opens, credential):
    with pytest.raises(NotConnected, match="carries no first message and no subprotocol: give carrier=header"):
        asyncio.run(opens("http://127.0.0.1:9/", credential, lambda *_: None, lambda *_: None))


def test_who_does_not_read_holds_up_the_server_and_who_reads_again_gets_everything():
    sent = 0

    async def answer(writer):
        nonlocal sent
        writer.write(HEAD)
        for number in range(400):
            writer.write(b"data: %06d" % number + b"x" * 30_000 + b"\n\n")
            await writer.drain()
            sent += 1

    async def main():
        async with server(answer) as url, connected(url, receive_buffer=4096) as made:
            made.pause_reading()
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)
            assert sent < 400, "the server waits"
            made.resume_reading()
            await until(lambda: len(made.received) == 400, 20)
            assert [int(data[:6]) for data in made.received] == list(range(400))
            made.fall_silent()
            made.resume_reading()
            assert made.is_open and not made.ended

    asyncio.run(main())


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.delitem(sys.modules, "crosstalk.targets.sse")
    monkeypatch.delattr(crosstalk.targets, "sse")
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(
        ValueError, match=r"needs httpx2, which is not installed: pip install 'pytest-crosstalk\[live\]'"
    ):
        transport("http://127.0.0.1/events", False)


JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
ANSWERS = {
    "a stream": (saying(HEAD, b"data: 1\n\ndata: 2\n\n", end=True), [b"1", b"2"], None),
    "a body": (saying(JSON, b'{"a"', b":1}", end=True), [b'{"a":1}'], None),
    "nothing": (saying(b"HTTP/1.1 204 No Content\r\n\r\n", end=True), [], None),
    "half a stream": (saying(CHUNKED, b"9\r\ndata: 1\n\n\r\n8\r\nda", end=True), [b"1"], "network"),
    "too much": (saying(JSON, b"x" * 3_000, end=True), [], "broken"),
    "a refusal": (saying(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", end=True), [], "refused"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_message_that_is_posted_is_answered(case):
    answer, expected, ends = ANSWERS[case]
    requests = []

    async def main():
        limits = Limits(message_bytes=2_000)
        async with server(answer, requests) as url, connected(url, connect=exchange.connect, limits=limits) as made:
            if ends == "refused":
                with pytest.raises(NotCaused, match="401 Unauthorized") as refused:
                    await made.send("{}")
                assert refused.value.status == 401
            else:
                await made.send('{"ask": 1}')
                await until(lambda: len(made.received) == len(expected) and bool(made.ended) == (ends is not None))
            assert await made.ping(0.01) == (ends in (None, "refused"))
            return made.received, [how.by for how in made.ended]

    received, ended = asyncio.run(main())
    assert received == expected and ended == ([ends] if ends in ("network", "broken") else [])
    assert requests[0].startswith("POST /events HTTP/1.1\r\n") and "application/json" in requests[0]


def test_whoever_leaves_leaves_all_answers_and_whoever_does_not_read_reads_none():
    async def main():
        async with server(saying(HEAD, b"data: 1\n\n")) as url:
            for end in ("close", "reset", "abort"):
                async with connected(url, connect=exchange.connect) as made:
                    made.pause_reading()
                    await made.send("{}")
                    await made.send("{}")
                    await asyncio.sleep(0.05)
                    assert made.received == []
                    made.resume_reading()
                    await until(lambda made=made: len(made.received) == 2)
                    result = getattr(made, end)()
                    if result is not None:
                        await result
                    assert [how.by for how in made.ended] == ["us"]
                    with pytest.raises(ConnectionError):
                        await made.send("{}")

    asyncio.run(main())  # ends only when the server has seen all of them leave
