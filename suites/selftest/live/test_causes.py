"""A run is started by a message, by an HTTP call or by a callable, each on a system that takes it that way."""

import asyncio
import contextlib
import dataclasses
import json
import re

import planted
import pytest
from serving import SECRET, check, planned

from crosstalk.auth.redaction import Redactor
from crosstalk.live import settings
from crosstalk.live_examination import examine_live
from crosstalk.targets.cause import Asked, Call, Message, NotCaused, cause, filled


class ByHttp(planted.Chat):
    """Takes no messages; runs are started by POST, whose answer is `status`."""

    status = "202 Accepted"

    def received(self, device, message):
        raise AssertionError("a message came")

    @contextlib.asynccontextmanager
    async def serving_http(self):
        async def serve(reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
            body = json.loads(await reader.readexactly(length))
            assert "Authorization: Bearer eyJ" in head
            if self.status.startswith("2"):
                self.task = asyncio.ensure_future(self.run(body["user_id"], body["message"], body["run_id"], "t"))
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ask/{{user}}"


def examined(chat, made=None, **changes):
    async def main():
        async with chat.serving() as url, contextlib.AsyncExitStack() as stack:
            if isinstance(chat, ByHttp):
                changes["cause"] = await stack.enter_async_context(chat.serving_http())
            prepared = planned(url, users=4, run_seconds=2.0, **changes)
            if made is not None:
                prepared = dataclasses.replace(prepared, cause=made)
            return await examine_live(settings(prepared), Redactor(prepared.log_in.secrets))

    return asyncio.run(main())


TEMPLATE = '{"type":"chat","payload":{"text":"{canary}","run_id":"{run}"}}'


@pytest.mark.parametrize("preset", ["user_message", "chat", TEMPLATE])
def test_messages(preset):
    verdict = examined(planted.Chat(SECRET, 0.01), cause=preset, duration=1.6)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]


def test_an_http_call():
    verdict = examined(ByHttp(SECRET, 0.01), duration=2.0)
    assert verdict.verdict == "pass", [v.message for c in verdict.checks for v in c.violations]
    assert check(verdict, "golden_path").opportunities > 4


def test_an_http_call_that_is_refused_fails_with_the_reason():
    chat = ByHttp(SECRET, 0.01)
    chat.status = "503 Service Unavailable"
    verdict = examined(chat, duration=2.0)
    assert check(verdict, "success").verdict == "fail"
    assert "the HTTP call was answered 503" in check(verdict, "success").violations[0].message


def test_an_http_call_may_take_as_long_as_a_run():
    async def slowly(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def main():
        async with await asyncio.start_server(slowly, "127.0.0.1", 0) as server:
            call = cause(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ask")
            asked = Asked("anna", "ctk_1", "r", "t")
            with pytest.raises(NotCaused, match="TimeoutError"):
                await call.post("{}", asked, 0.05)
            await call.ask(asked, None)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_callable(kind):
    chat = planted.Chat(SECRET, 0.01)
    loops = []

    async def ask(user, canary, run, thread):
        loops.append(asyncio.get_running_loop())
        chat.runs.add(asyncio.ensure_future(chat.run(user, canary, run, thread)))

    def ask_from_a_thread(user, canary, run, thread):
        asyncio.run_coroutine_threadsafe(ask(user, canary, run, thread), chat.loop).result(5)

    original = chat.connected

    async def connected(connection):
        chat.loop = asyncio.get_running_loop()
        await original(connection)

    chat.connected = connected
    verdict = examined(chat, Call(ask if kind == "async" else ask_from_a_thread), duration=1.6)
    assert verdict.verdict == "pass", [c for c in verdict.checks if c.verdict != "pass"]
    assert loops


def test_a_callable_that_raises_fails_with_the_reason():
    def ask(user, canary, run, thread):
        raise LookupError("no such queue")

    verdict = examined(planted.Chat(SECRET, 0.01), Call(ask), duration=1.6)
    assert "the callable raised LookupError: no such queue" in check(verdict, "success").violations[0].message


def test_values_are_escaped_for_where_they_stand():
    asked = Asked('an"na\\', "ctk_1", "r", "t")
    template = '{"who":"{user}","text":"{canary} {run} {thread}","other":{"a":"{unknown}"}}'
    sent = []

    async def send(text):
        sent.append(json.loads(text))

    asyncio.run(Message(template).ask(asked, send))
    assert sent == [{"who": 'an"na\\', "text": "ctk_1 r t", "other": {"a": "{unknown}"}}]
    assert filled("{user}", asked, str.upper) == 'AN"NA\\'


@pytest.mark.parametrize("template", ['{"ask":"{text}"}\x1e', 'SEND\n\n{"ask":"{text}"}\0', "ASK {run} {text}"])
def test_a_template_need_not_be_json_alone(template):
    assert cause(template) == Message(template)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nonsense", "is no way to cause an event"),
        ("nowhere.at.all:ask", "could not be imported"),
        ("json:decoder", "is not callable"),
        ('{"a":"{canary}"', "is no JSON once it is filled"),
        ("http:///path", "is no HTTP address"),
    ],
)
def test_what_is_no_cause_is_said_to_be_none(spec, words):
    with pytest.raises(ValueError, match=words):
        cause(spec)
