"""Servers that do it in their own way: none that is right is accused, and none of which nothing is known passes."""

import asyncio
import contextlib
import http
import json
import time
from typing import ClassVar

import jwt as pyjwt
import pytest
from joserfc import jwk
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from crosstalk.auth.base import Credential
from crosstalk.auth.called import Called
from crosstalk.auth.carried import Carried
from crosstalk.auth.examination import examine_refusals
from crosstalk.auth.ground import Site
from crosstalk.auth.minted import Minted
from crosstalk.auth.open import Unauthenticated
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusal_run import Unexaminable
from crosstalk.auth.refusals import NAMES, demanded
from crosstalk.targets.reading import Pointers, reader

SECRET = "a shared secret of some length, as it should be"


def user_of(connection):
    """The user of a good token, else None."""
    token = connection.request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        return pyjwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except pyjwt.PyJWTError:
        return None


async def say(connection, **message):
    await connection.send(json.dumps(message))


async def echo(connection, user):
    async for raw in connection:
        await say(connection, type="agent_started", user_id=user, request=raw)


class GreetsThenLooks:
    """Greets whoever comes, looks the token up for a while, and closes."""

    async def handler(self, connection):
        await say(connection, type="welcome")
        user = user_of(connection)
        await asyncio.sleep(0.1)
        if user is None:
            return await connection.close(1008, "refused")
        await echo(connection, user)


class SlowsDown(GreetsThenLooks):
    """Is quick until it is known how good users are answered, and then takes longer than we are patient at first."""

    connections = 0

    async def handler(self, connection):
        self.connections += 1
        await asyncio.sleep(0.8 if self.connections > 6 else 0)
        await super().handler(connection)


class StreamsInPieces:
    """What is said comes back some letters at a time."""

    async def handler(self, connection):
        if user_of(connection) is None:
            return await connection.close(1008, "refused")
        async for raw in connection:
            for at in range(0, len(raw), 9):
                await say(connection, type="delta", delta=raw[at : at + 9])


class StaysOpen:
    """Says no in a frame of its own, and leaves the connection open."""

    async def handler(self, connection):
        user = user_of(connection)
        async for raw in connection:
            if user is None:
                await say(connection, type="error", code=401)
            else:
                await say(connection, type="agent_started", request=raw)


class SaysNoInTheSameFrame:
    """Answers everybody with frames of one kind; only their words differ."""

    async def handler(self, connection):
        user = user_of(connection)
        async for raw in connection:
            await say(connection, type="message", text=raw if user else "Your session token is invalid, please log in")


class SaysNoInTheSameFrameAndOtherWords(SaysNoInTheSameFrame):
    """In words that nobody has thought of."""

    async def handler(self, connection):
        user = user_of(connection)
        async for raw in connection:
            await say(connection, type="message", text=raw if user else "computer says njet")


class PlainText:
    async def handler(self, connection):
        user = user_of(connection)
        async for raw in connection:
            await connection.send(f"hello {user}, you said {raw}" if user else f"who are you? you said {raw}")


class OneSessionEach:
    """A second connection of a user replaces the first."""

    def __init__(self):
        self.sessions = {}

    async def handler(self, connection):
        user = user_of(connection)
        if user is None:
            return await connection.close(4401)
        if user in self.sessions:
            await self.sessions[user].close(4409, "replaced")
        self.sessions[user] = connection
        await echo(connection, user)


class Falls:
    """Falls over tokens that it can't read."""

    async def process_request(self, connection, request):
        connection.request = request
        if user_of(connection) is None:
            return connection.respond(http.HTTPStatus.INTERNAL_SERVER_ERROR, "Traceback")
        return None

    async def handler(self, connection):
        await echo(connection, user_of(connection))


class LosesPatience:
    """Answers 429 to everybody for as long as the test lasts, after three bad tokens."""

    def __init__(self):
        self.bad = 0

    async def process_request(self, connection, request):
        connection.request = request
        if self.bad >= 3:
            return connection.respond(http.HTTPStatus.TOO_MANY_REQUESTS, "later")
        if user_of(connection) is None:
            self.bad += 1
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no")
        return None

    async def handler(self, connection):
        await echo(connection, user_of(connection))


class Silent:
    """Never says anything to anybody."""

    async def handler(self, connection):
        async for _ in connection:
            pass


class Redirects:
    """Sends whoever it does not know to the log-in page."""

    async def process_request(self, connection, request):
        connection.request = request
        if user_of(connection) is None:
            answer = connection.respond(http.HTTPStatus.FOUND, "")
            answer.headers["Location"] = "/login"
            return answer
        return None

    async def handler(self, connection):
        await echo(connection, user_of(connection))


class Ticks:
    """Sends the time to whoever is connected, and knows only good users."""

    async def handler(self, connection):
        user = user_of(connection)

        async def ticking():
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await say(connection, type="tick", time=time.time())
                    await asyncio.sleep(0.04)

        task = asyncio.ensure_future(ticking())
        try:
            if user is None:
                await asyncio.sleep(0.1)
                return await connection.close(1008)
            await echo(connection, user)
        finally:
            task.cancel()


class SpeaksStrangely:
    """Answers good users, and says all kinds of things beside."""

    async def handler(self, connection):
        user = user_of(connection)
        if user is None:
            # not even a close frame
            return connection.transport.abort()
        for frame in ("", "[" * 100_000, b"\xff\xfe", '{"type": 1e999}', "null", '"text"', "[]", "9" * 5000):
            await connection.send(frame)
        await echo(connection, user)


class OpenDoor:
    """Lets everybody in, and sends everything to everybody."""

    def __init__(self):
        self.all = set()

    async def handler(self, connection):
        self.all.add(connection)
        try:
            async for raw in connection:
                for other in list(self.all):
                    with contextlib.suppress(ConnectionClosed):
                        await say(other, type="agent_started", request=raw)
        finally:
            self.all.discard(connection)


class LetsInWhoWaits:
    """Sends the first frame of good users to everybody: only the answer to a message tells them apart."""

    async def handler(self, connection):
        await say(connection, type="welcome")
        user = user_of(connection)
        async for raw in connection:
            if user is not None:
                await say(connection, type="agent_started", request=raw)


class AnswersSlowly:
    """Greets everybody at once, and takes longer to answer good users than we are patient at first."""

    async def handler(self, connection):
        await say(connection, type="welcome")
        user = user_of(connection)
        async for raw in connection:
            await asyncio.sleep(0.8)
            if user is not None:
                await say(connection, type="agent_started", request=raw)


class AnswersWithoutEcho:
    """Greets everybody, closes on bad tokens when they ask for something, and repeats nothing."""

    async def handler(self, connection):
        await say(connection, type="welcome")
        user = user_of(connection)
        async for _ in connection:
            if user is None:
                return await connection.close(4401)
            await say(connection, type="agent_started")


@contextlib.asynccontextmanager
async def running(kind):
    server = kind()
    process = getattr(server, "process_request", None)
    async with serve(server.handler, "127.0.0.1", 0, process_request=process, close_timeout=1) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"


async def examine(kind, preset="default", changes=None, authenticator=None, patience=0.5, demand=None, **site):
    async with running(kind) as url:
        key = jwk.OctKey.import_key(SECRET)
        verdict, attempts = await examine_refusals(
            Site(url, patience=patience, **site),
            authenticator or Carried(Minted(key)),
            demand or demanded(preset, changes),
            redactor=Redactor(),
            at_once=20,
        )
        return verdict, attempts


@pytest.fixture(scope="module")
def found():
    """Every server above, examined at the same time: an examination mostly waits."""

    read = reader(Pointers(text=("/delta",)))

    async def play():
        kinds = [GreetsThenLooks, StaysOpen, SaysNoInTheSameFrame, PlainText, OneSessionEach, Falls, Redirects]
        kinds += [SaysNoInTheSameFrameAndOtherWords, LosesPatience, Silent, Ticks, OpenDoor, LetsInWhoWaits]
        kinds += [SpeaksStrangely, AnswersSlowly, AnswersWithoutEcho, SlowsDown, StreamsInPieces]
        return dict(zip(kinds, await asyncio.gather(*(examine(kind, read=read) for kind in kinds)), strict=True))

    return asyncio.run(play())


@pytest.mark.parametrize(
    "kind", [GreetsThenLooks, OneSessionEach, Falls, Redirects, Ticks, SpeaksStrangely, SlowsDown, StreamsInPieces]
)
def test_a_right_server_of_another_kind_passes(kind, found):
    verdict, attempts = found[kind]
    assert verdict.verdict == "pass", (verdict.notes, verdict.checks)
    assert len(attempts.attempts) >= 14


@pytest.mark.parametrize(
    "kind",
    [StaysOpen, SaysNoInTheSameFrame, SaysNoInTheSameFrameAndOtherWords, PlainText, LetsInWhoWaits, AnswersSlowly],
)
def test_who_is_left_unserved_is_not_let_in(kind, found):
    verdict, _ = found[kind]
    assert not verdict.checks[0].violations
    assert verdict.verdict == "unknown"
    assert "declare it 'unserved' if it is meant so" in verdict.checks[0].reason


@pytest.mark.parametrize("kind", [StaysOpen, SaysNoInTheSameFrame, PlainText])
def test_and_passes_where_it_is_declared(kind):
    verdict, _ = asyncio.run(examine(kind, "none", dict.fromkeys(("no token", "garbage", "expired"), "unserved")))
    assert verdict.verdict == "pass", (verdict.notes, verdict.checks)


def test_a_server_that_falls_over_does_not_refuse_properly():
    verdict, _ = asyncio.run(examine(Falls, "none", {"garbage": "properly"}))
    assert [violation.cause for violation in verdict.checks[0].violations] == ["garbage: wrong way"]
    assert "was refused with 500, but it must be refused with a 4xx" in verdict.checks[0].violations[0].message


def test_a_server_that_loses_patience_is_not_accused_and_does_not_pass(found):
    verdict, _ = found[LosesPatience]
    assert verdict.verdict == "unknown" and not verdict.checks[0].violations
    assert "429" in " ".join(verdict.notes)


def test_without_an_echo_it_is_known_who_gets_in_but_not_who_hears(found):
    verdict, attempts = found[AnswersWithoutEcho]
    assert not verdict.checks[0].violations and verdict.verdict == "unknown"
    entries = [attempt for attempt in attempts.attempts if not attempt.owner]
    assert verdict.checks[0].opportunities == len(entries) >= 9
    assert "say what the server echoes" in verdict.checks[0].reason


def test_of_a_silent_server_nothing_is_known(found):
    verdict, _ = found[Silent]
    assert verdict.verdict == "unknown" and verdict.checks[0].opportunities == 0
    assert "give a message that the server answers" in " ".join(verdict.notes)


def test_a_door_that_is_open_to_all_is_seen_by_every_refusal_that_applies(found):
    verdict, attempts = found[OpenDoor]
    seen = {violation.cause.partition(":")[0] for violation in verdict.checks[0].violations}
    assert seen == {attempt.refusal for attempt in attempts.attempts}
    assert seen == set(NAMES) - set(attempts.skipped) - {
        "foreign site",
        "expired meanwhile",
        "revoked",
        "revoked meanwhile",
    }
    assert all(control.caught for control in verdict.controls)


def test_users_without_credentials_can_only_be_overheard():
    nobody = Unauthenticated(query=(("user_id", "{user}"),))
    verdict, attempts = asyncio.run(examine(OpenDoor, authenticator=nobody))
    assert verdict.verdict == "fail"
    assert {attempt.refusal for attempt in attempts.attempts} >= {"nobody else's events", "other's id in message"}
    assert attempts.skipped["no token"] == "users here have no credentials"


class Sessions:
    """Knows users by a session cookie, and which pages are its own."""

    sessions: ClassVar[dict[str, str]] = {}
    any_cookie = any_origin = False

    async def handler(self, connection):
        request = connection.request
        cookies = dict(pair.strip().partition("=")[::2] for pair in request.headers.get("Cookie", "").split(";"))
        user = self.sessions.get(cookies.get("session"), "somebody" if self.any_cookie and "session" in cookies else "")
        host = request.headers["Host"]
        if not user or (request.headers.get("Origin", f"http://{host}") != f"http://{host}" and not self.any_origin):
            return await connection.close(4401)
        await echo(connection, user)


class AnyCookie(Sessions):
    any_cookie = True


class AnyOrigin(Sessions):
    any_origin = True


def session_of(user_id):
    session = f"session-{len(Sessions.sessions):08}"
    Sessions.sessions[session] = user_id
    return Credential(user_id, cookies=(("theme", "dark"), ("session", session)), secrets=(session,))


def test_session_cookies():
    expected = {Sessions: set(), AnyCookie: {"garbage"}, AnyOrigin: {"foreign site"}}
    demand = demanded("default", carrier="cookie")

    async def play():
        given = {"demand": demand, "authenticator": Called(session_of)}
        return await asyncio.gather(*(examine(kind, **given) for kind in expected))

    for (kind, causes), (verdict, attempts) in zip(expected.items(), asyncio.run(play()), strict=True):
        found = {violation.cause.partition(":")[0] for violation in verdict.checks[0].violations}
        assert found == causes, kind
        assert verdict.verdict == ("fail" if causes else "pass"), (verdict.checks, verdict.notes)
        assert {"no token", "garbage", "foreign site"} <= {attempt.refusal for attempt in attempts.attempts}
        assert attempts.skipped["alg none"] == "the credential is no JWT"


def test_a_callable_that_names_no_secret_is_not_tried_with_garbage():
    key = jwk.OctKey.import_key(SECRET)

    def log_in(user_id):
        token = Minted(key).mint(user_id).value
        return Credential(user_id, headers=(("Authorization", f"Bearer {token}"),))

    verdict, attempts = asyncio.run(examine(GreetsThenLooks, authenticator=Called(log_in)))
    assert attempts.skipped["garbage"] == "the credential does not say which part of it is secret"
    assert verdict.verdict == "pass"
    assert "no token" in {attempt.refusal for attempt in attempts.attempts}


def test_a_server_that_refuses_good_credentials_is_not_judged():
    wrong = Carried(Minted(jwk.OctKey.import_key("another secret of some length, as it should")))
    with pytest.raises(Unexaminable, match=r"with good credentials 'crosstalk-refusal-0a' was refused with 500"):
        asyncio.run(examine(Falls, authenticator=wrong))
    with pytest.raises(Unexaminable, match="closed with 4401, so nothing can be said of bad ones"):
        asyncio.run(examine(OneSessionEach, authenticator=wrong))
