"""Log-ins by HTTP: against a real Django, and against a server of ours that answers what servers answer on bad days."""

import asyncio
import contextlib
import email.utils
import http.server
import json
import threading
import time
import urllib.request
from urllib.parse import parse_qs

import pytest
from listening import free_port, listening

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.configured import configured
from crosstalk.auth.exchange import Exchange
from crosstalk.auth.http_login import CookieLogin, HttpLogin, TokenLogin

PASSWORD = "the password of alice"


@pytest.fixture(scope="module")
def django(tmp_path_factory):
    pytest.importorskip("django", reason="Django is not installed")
    from pathlib import Path

    port = free_port()
    script = Path(__file__).parent / "servers" / "django_login.py"
    with listening([str(script), str(port)], port, tmp_path_factory.mktemp("django")):
        yield f"http://127.0.0.1:{port}"


def log_in(authenticator, *users):
    async def play():
        try:
            return await asyncio.gather(*map(authenticator.login, users), return_exceptions=True)
        finally:
            await authenticator.close()

    return asyncio.run(play())


def whoami(base, credential):
    cookies = "; ".join(f"{name}={value}" for name, value in credential.cookies)
    with urllib.request.urlopen(urllib.request.Request(f"{base}/me", headers={"Cookie": cookies})) as answer:
        return answer.read().decode()


def test_django_lets_each_user_in_as_itself(django, tmp_path):
    (tmp_path / "passwords.json").write_text(json.dumps({u: f"the password of {u}" for u in ("alice", "bob")}))
    found = configured(
        f"login:{django}/login csrf=csrftoken:csrfmiddlewaretoken cookie=sessionid passwords_file=passwords.json",
        environ={},
        folder=tmp_path,
    )
    assert set(found.users) == {"alice", "bob"}
    assert "the password of bob" in found.secrets
    credentials = log_in(found.authenticator, "alice", "bob", "alice")
    assert [whoami(django, credential) for credential in credentials] == ["alice", "bob", "alice"]
    for credential in credentials:
        values = dict(credential.cookies)
        assert set(values.values()) <= set(credential.secrets)
        assert values["sessionid"] not in repr(credential)
        assert credential.expires > time.time()
    assert len({dict(credential.cookies)["sessionid"] for credential in credentials}) == 3


def test_django_answers_200_to_a_wrong_password_and_that_is_no_log_in(django):
    http_login = HttpLogin(f"{django}/login", password="guess", csrf=("csrftoken", "csrfmiddlewaretoken"))
    for cookie in ("sessionid", ""):
        [failure] = log_in(CookieLogin(http_login, cookie), "alice")
        assert isinstance(failure, AuthenticationFailed)
        assert str(failure).startswith("logging in 'alice': the server answered 200 and set no cookie")
        assert "guess" not in str(failure)


def test_django_refuses_who_sends_no_csrf_token_back(django):
    [failure] = log_in(CookieLogin(HttpLogin(f"{django}/login", password=PASSWORD)), "alice")
    assert str(failure) == "logging in 'alice': the server answered 403"
    [failure] = log_in(CookieLogin(HttpLogin(f"{django}/me", password=PASSWORD, csrf=("csrftoken", "c"))), "alice")
    assert "the page set no cookie 'csrftoken'" in str(failure)


@contextlib.contextmanager
def answering(answer):
    """A server that calls `answer(request)`; it answers (status, headers, body). Yields its URL and the requests."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("content-length") or 0)
            self.body = self.rfile.read(length)
            seen.append(self)
            status, headers, body = answer(self)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_json_login_answers_a_token():
    def answer(request):
        asked = json.loads(request.body)
        assert asked == {"mail": "alice@example.com", "pass": "pass-word"}
        return 200, [], json.dumps({"data": {"jwt": "the-token"}}).encode()

    with answering(answer) as (url, _):
        http_login = HttpLogin(url, {"mail": "{user}@example.com", "pass": "{password}"}, "json", "pass-word")
        source = TokenLogin(http_login, "/data/jwt")

        async def play():
            token = await source.issue("alice")
            again = await source.renew("alice", token)
            await source.close()
            return token, again

        token, again = asyncio.run(play())
        assert token.value == again.value == "the-token"
        assert set(token.secrets) == {"the-token", "pass-word"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"data": {}}', "the server's answer has no text at /data/jwt"),
        (b'{"data": {"jwt": 5}}', "the server's answer has no text at /data/jwt"),
        (b"[1]", "answered no JSON object"),
        (b"<html>hello</html>", "answered no JSON object (text/html)"),
    ],
)
def test_an_answer_without_the_token(body, says):
    with answering(lambda request: (200, [("content-type", "text/html; charset=utf-8")], body)) as (url, _):
        source = TokenLogin(HttpLogin(url, form="json", password="pass-word"), "/data/jwt")

        async def play():
            try:
                await source.issue("alice")
            finally:
                await source.close()

        with pytest.raises(AuthenticationFailed) as raised:
            asyncio.run(play())
        assert str(raised.value).startswith("logging in 'alice'") and says in str(raised.value)


def test_cookies_of_users_who_log_in_at_the_same_time_never_mix():
    together = threading.Barrier(8, timeout=10)

    def answer(request):
        user = parse_qs(request.body.decode())["username"][0]
        assert request.headers["Cookie"] is None
        together.wait()  # all have asked before any is answered
        return 200, [("set-cookie", f"session=session-of-{user}; Path=/")], b""

    with answering(answer) as (url, _):
        users = [f"user{number}" for number in range(8)]
        credentials = log_in(CookieLogin(HttpLogin(url, password="pass-word")), *users)
        assert [credential.cookies for credential in credentials] == [
            (("session", f"session-of-{user}"),) for user in users
        ]


def exchange(naps, **given):
    async def nap(seconds):
        naps.append(seconds)

    return Exchange(sleep=nap, **given)


def test_429_is_asked_again_after_retry_after():
    answers = iter([(429, "2"), (503, email.utils.formatdate(time.time() + 9, usegmt=True)), (429, ""), (200, "")])

    def answer(request):
        status, after = next(answers)
        return status, [("retry-after", after)] if after else [], b'{"done": true}'

    naps = []
    with answering(answer) as (url, seen):

        async def play():
            asker = exchange(naps)
            found = await asker.json("POST", url, who="logging in 'alice'", json={"a": 1})
            await asker.close()
            return found

        assert asyncio.run(play()) == {"done": True}
        assert len(seen) == 4 and all(request.body == b'{"a":1}' for request in seen)
    assert naps[0] == 2
    assert 7 < naps[1] <= 9
    assert 1 <= naps[2] <= 2  # the third time without a word: 0.25 s doubled twice, and up to twice that


def ask(url, naps, **given):
    async def play():
        asker = exchange(naps, **given)
        try:
            return await asker.json("GET", url, who="logging in 'alice'")
        finally:
            await asker.close()

    with pytest.raises(AuthenticationFailed) as raised:
        asyncio.run(play())
    return str(raised.value)


def test_a_server_that_always_says_later_is_given_up():
    naps = []
    with answering(lambda request: (429, [("retry-after", "1")], b"")) as (url, seen):
        said = ask(f"{url}/login?secret=hidden", naps)
        assert said == f"logging in 'alice': {url}/login answered 429 4 times: log in more slowly (rate)"
        assert len(seen) == 4 and naps == [1, 1, 1]


def test_a_wait_longer_than_our_patience_is_not_begun():
    naps = []
    with answering(lambda request: (429, [("retry-after", "3600")], b"")) as (url, seen):
        assert "asks to wait 3600 s, longer than 30 s" in ask(url, naps)
        assert len(seen) == 1 and naps == []


def test_other_failures_are_said_and_not_repeated():
    error = b'{"error": "invalid_grant", "error_description": "account locked"}'
    with answering(lambda request: (400, [], error)) as (url, seen):
        assert ask(url, []) == f"logging in 'alice': {url} answered 400: invalid_grant, account locked"
        assert len(seen) == 1


def test_nobody_there_too_slow_and_no_url():
    assert "could not be asked" in ask(f"http://127.0.0.1:{free_port()}/", [])
    assert "is no http(s) URL" in ask("ftp://127.0.0.1/", [])
    gate = threading.Event()

    def slow(request):
        gate.wait(10)
        return 200, [], b"{}"

    with answering(slow) as (url, _):
        said = ask(url, [], timeout=0.1)
        gate.set()
    assert said == f"logging in 'alice': {url} did not answer within 0.1 s"
