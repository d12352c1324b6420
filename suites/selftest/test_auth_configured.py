"""What a user writes for `--auth` or in a profile: what it becomes, and one clear sentence where it can't."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import jwt as pyjwt
import pytest
from joserfc import jwk

from crosstalk.auth.called import Called
from crosstalk.auth.carriers import Carrier
from crosstalk.auth.configured import AuthSettingError, configured

SECRET = "a shared secret of some length, as it should be"


def login(found, user="alice"):
    return asyncio.run(found.authenticator.login(user))


def bearer(credential):
    return dict(credential.headers)["Authorization"].removeprefix("Bearer ")


def test_none():
    found = configured("none query.user_id={user} headers.X-User={user}", environ={})
    credential = login(found)
    assert credential.query == (("user_id", "alice"),) and credential.headers == (("X-User", "alice"),)
    assert not credential.secrets and not found.secrets


def test_jwt_by_default_is_hs256_in_the_authorization_header():
    found = configured("jwt", environ={"CROSSTALK_JWT_SECRET": SECRET})
    claims = pyjwt.decode(bearer(login(found)), SECRET, algorithms=["HS256"])
    assert claims["sub"] == "alice"
    assert found.secrets == (SECRET,) and found.users == () and found.rate.per_second == 0


@pytest.mark.parametrize(
    "template",
    [
        '{"auth":"{token}"}',
        '{"type": "auth", "payload": {"token": "{token}", "who": "it\'s {user}"}}',
        '40{"token":"{token}"}',
    ],
)
def test_a_first_message_is_written_as_it_is_sent(template):
    """A shell's quotes around all of it are gone by then: those within are the message's own."""
    sent = template.replace("{token}", "a-token").replace("{user}", "alice")
    for line in (
        f"token carrier=message:{template} rate=5",
        f"token rate=5 {shlex.quote('carrier=message:' + template)}",
    ):
        found = configured(line, environ={"CROSSTALK_TOKEN": "a-token"})
        assert login(found).first_message == sent and found.rate.per_second == 5


def test_jwt_in_one_line_with_everything(tmp_path):
    key = jwk.ECKey.generate_key("P-256")
    (tmp_path / "dev.pem").write_bytes(key.as_pem(private=True))
    found = configured(
        "jwt:ES256 key_file=dev.pem claims.aud=chat claims.org.id={user} lifetime=60 carrier=query rate=5 burst=2",
        environ={},
        folder=tmp_path,
    )
    [(name, token)] = login(found).query
    claims = pyjwt.decode(token, key.as_pem(private=False).decode(), algorithms=["ES256"], audience="chat")
    assert name == "token" and claims["org"] == {"id": "alice"} and claims["exp"] - claims["iat"] == 60
    assert (found.rate.per_second, found.rate.burst) == (5, 2)
    assert any("BEGIN PRIVATE KEY" in secret for secret in found.secrets)
    body = [line for line in (tmp_path / "dev.pem").read_text().split("\n")[1:-2]]
    assert set(body) <= set(found.secrets)  # a key that an error quotes line by line is found too


def test_a_profile_table_says_the_same():
    profile = tomllib.loads(
        """
        [tool.crosstalk.profile.staging.auth]
        kind = "jwt"
        algorithm = "HS512"
        secret_env = "STAGING_SECRET"
        lifetime = 30
        carrier = "cookie:session"
        claims = { aud = "chat", env = "staging", admin = false }
        """
    )["tool"]["crosstalk"]["profile"]["staging"]["auth"]
    found = configured(profile, where="profile staging", environ={"STAGING_SECRET": SECRET * 2})
    [(name, token)] = login(found).cookies
    claims = pyjwt.decode(token, SECRET * 2, algorithms=["HS512"], audience="chat")
    assert name == "session" and claims["env"] == "staging" and claims["admin"] is False


@pytest.mark.parametrize(
    "text",
    ["alice token-of-alice\n\n# a comment\nbob token-of-bob\n", '{"alice": "token-of-alice", "bob": "token-of-bob"}'],
)
def test_tokens_of_a_file_and_of_the_environment(text, tmp_path):
    (tmp_path / "tokens").write_text(text)
    for found in (
        configured("token:tokens", environ={}, folder=tmp_path),
        configured("token", environ={"CROSSTALK_TOKENS": text}),
        configured("token env=MINE", environ={"MINE": text}),
    ):
        assert found.users == ("alice", "bob")
        assert bearer(login(found, "bob")) == "token-of-bob"
        assert set(found.secrets) == {"token-of-alice", "token-of-bob"}


def test_one_token_for_all():
    found = configured("token", environ={"CROSSTALK_TOKEN": "shared-token"})
    assert found.users == () and bearer(login(found, "anybody")) == "shared-token"


README = (Path(__file__).parents[2] / "README.md").read_text()
WRITTEN = [text for cell in re.findall(r"^\| (`.*?) \|", README, re.M) for text in re.findall("`([^`]+)`", cell)]
WRITTEN = [text for text in WRITTEN if re.match(r"(none|token|jwt|oauth|login|call)\b", text)]
WRITTEN += re.findall(r"^    (jwt claims.*)$", README, re.M) + re.findall(r'--auth "([^"]+)"', README)
WRITTEN += re.findall("--auth '([^']+)'", README)


@pytest.mark.parametrize("text", WRITTEN)
def test_what_the_readme_says_can_be_written(text, tmp_path):
    (tmp_path / "dev.pem").write_bytes(jwk.RSAKey.generate_key(2048).as_pem(private=True))
    (tmp_path / "tokens.txt").write_text("alice token-of-alice")
    (tmp_path / "users.txt").write_text("alice password-of-alice")
    (tmp_path / "login.py").write_text("def log_in(user_id): return 'token-of-' + user_id")
    environ = {"CROSSTALK_JWT_SECRET": SECRET, "CROSSTALK_PASSWORD": "password"}
    found = configured(text.replace("tests/", f"{tmp_path}/"), environ=environ, folder=tmp_path)
    assert found.said.startswith(re.match(r"\w+", text)[0])


def test_the_readme_says_enough():
    assert len(WRITTEN) >= 8


@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_callable(prefix, tmp_path):
    (tmp_path / "mine.py").write_text(f"{prefix}def log_in(user_id):\n    return 'token-of-' + user_id\n")
    found = configured(f"call:{tmp_path}/mine.py:log_in carrier=query", environ={})
    assert login(found).query == (("token", "token-of-alice"),)


def test_what_a_callable_may_return():
    def called(result):
        return asyncio.run(Called(lambda user_id: result).login("alice"))

    headers = called({"X-Key": "key-of-alice"})
    assert headers.headers == (("X-Key", "key-of-alice"),) and headers.secrets == ("key-of-alice",)
    whole = called(Carrier().credential("bob", "token-1"))
    assert whole.user_id == "alice" and whole.headers == (("Authorization", "Bearer token-1"),)


def failing(user_id):
    raise LookupError("no such secret: hunter22")


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (failing, "logging in 'alice': failing raised LookupError in line"),
        (lambda user_id: 5, "returned int: return a token, a mapping of headers"),
        (lambda user_id: "", "returned str"),
        (lambda user_id: {"X": 5}, "returned dict"),
    ],
)
def test_what_a_callable_does_wrong(function, says):
    from crosstalk.auth.base import AuthenticationFailed

    with pytest.raises(AuthenticationFailed) as raised:
        asyncio.run(Called(function).login("alice"))
    assert says in str(raised.value) and "hunter22" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("jwt secret=" + SECRET, "secret is a secret, and a secret written here is read by others"),
        ({"kind": "jwt", "secret": SECRET}, "(secret_env or secret_file)"),
        ("login:https://a.example password=hunter22", "password is a secret"),
        ("oauth:https://a.example client_id=x client_secret=hunter22", "client_secret is a secret"),
        ("token tokens=hunter22", "tokens is a secret"),
        ("none headers.Authorization=hunter22", "headers.Authorization looks like a secret"),
        ("none query.api_key=hunter22", "query.api_key looks like a secret"),
        (
            {"kind": "login", "url": "https://a.example", "fields": {"password": "hunter22"}},
            "fields.password looks like",
        ),
        ("none query.x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.hunter22", "query.x looks like a secret"),
        ({"kind": "jwt", "key_env": "-----BEGIN EC PRIVATE KEY-----\nhunter22"}, "key_env is a secret"),
    ],
)
def test_a_secret_that_stands_in_the_option_is_refused_and_not_repeated(given, says):
    with pytest.raises(AuthSettingError) as raised:
        configured(given, environ={})
    assert says in str(raised.value)
    assert "hunter22" not in str(raised.value) and SECRET not in str(raised.value)


def test_a_secret_in_a_table_comes_from_a_variable():
    found = configured("none 'headers.X-Api-Key=key ${MY_KEY}'", environ={"MY_KEY": "hunter22"})
    assert login(found).headers == (("X-Api-Key", "key hunter22"),)
    assert found.secrets == ("hunter22",)


@pytest.mark.parametrize(
    ("given", "environ", "says"),
    [
        ("", {}, "--auth is empty: give one of none, token, jwt, oauth, login, call"),
        ("saml", {}, "--auth: 'saml' is no kind of log-in: give one of none, token, jwt, oauth, login, call"),
        ({}, {}, "--auth: nothing is no kind of log-in"),
        ("jwt", {}, "HS256 tokens need a key: set CROSSTALK_JWT_SECRET or give secret_file"),
        ("jwt:RS256", {}, "RS256 tokens need a key: set CROSSTALK_JWT_KEY or give key_file"),
        ("jwt secret_env=MINE", {}, "the variable MINE (the JWT secret) is not set"),
        ("jwt secret_file=/nowhere", {}, "/nowhere (the JWT secret) could not be read: No such file"),
        ("jwt secret_env=A secret_file=B", {"A": SECRET}, "is given by a variable and by a file: give one"),
        ("jwt", {"CROSSTALK_JWT_SECRET": "abc"}, "a secret of fewer than 4 characters"),
        ("jwt:HS1", {"CROSSTALK_JWT_SECRET": SECRET}, "'HS1' is no algorithm of ours"),
        ("jwt:RS256", {"CROSSTALK_JWT_KEY": SECRET}, "CROSSTALK_JWT_KEY can't be read as a key for RS256"),
        ("jwt lifetime=0", {"CROSSTALK_JWT_SECRET": SECRET}, "lifetime is in seconds, and more than 0"),
        ("jwt lifetime=soon", {"CROSSTALK_JWT_SECRET": SECRET}, "expected 'float', got 'str' - at '$.lifetime'"),
        ("jwt lifetime", {"CROSSTALK_JWT_SECRET": SECRET}, "word 2 is no NAME=VALUE"),
        (
            "jwt audience=x",
            {"CROSSTALK_JWT_SECRET": SECRET},
            "unknown field 'audience'; the fields are algorithm",
        ),
        ("jwt carrier=pigeon", {"CROSSTALK_JWT_SECRET": SECRET}, "'pigeon' is no way to carry a token"),
        ("jwt rate=-1", {"CROSSTALK_JWT_SECRET": SECRET}, "a rate is 0 or more a second"),
        ("jwt claims=5 claims.aud=x", {}, "claims is given both as a value and as a table"),
        ("jwt 'claims.aud=x", {}, "no closing quotation"),
        ("jwt:", {}, "jwt: ends in a colon"),
        ("none:x", {}, "nothing can stand after the colon of none:"),
        ("none 'headers.X=${NOPE}'", {}, "the variable NOPE is not set"),
        ("token", {}, "there are no tokens"),
        ("token:/nowhere", {}, "/nowhere could not be read: No such file"),
        ("token", {"CROSSTALK_TOKENS": "alice one two"}, "CROSSTALK_TOKENS, line 1, has 3 words"),
        ("token", {"CROSSTALK_TOKENS": "a 1111\na 2222"}, "names the user 'a' for the second time"),
        ("token", {"CROSSTALK_TOKENS": "# nobody"}, "CROSSTALK_TOKENS holds no token"),
        ("token", {"CROSSTALK_TOKENS": "{nonsense"}, "begins with a brace but is no JSON"),
        ("token", {"CROSSTALK_TOKENS": '{"a": 5}'}, "must give one text, not empty, for each user"),
        ("oauth", {}, "oauth needs a client_id"),
        ("oauth client_id=x", {"CROSSTALK_CLIENT_SECRET": "1234"}, "a provider needs its issuer"),
        ("oauth:https://a.example client_id=x", {}, "client_credentials needs CROSSTALK_CLIENT_SECRET"),
        ("oauth:https://a.example client_id=x grant=password", {}, "the grant password needs CROSSTALK_PASSWORD"),
        ("oauth:https://a.example client_id=x grant=magic", {}, "invalid enum value 'magic'"),
        ("oauth:http://a.example client_id=x", {}, "issuer is not encrypted (http)"),
        ("oauth:a.example client_id=x", {}, "issuer is 'a.example': give a URL that begins with https://"),
        ("login:http://a.example/login", {"CROSSTALK_PASSWORD": "1234"}, "url is not encrypted (http)"),
        ("login:https://a.example/login", {}, "logging in needs CROSSTALK_PASSWORD or passwords_file"),
        ("login:https://a.example token_at=jwt", {"CROSSTALK_PASSWORD": "1234"}, "give a JSON Pointer such as"),
        ("call:nowhere", {}, "'nowhere' is no target"),
        ("call:nowhere.at:all", {}, "nowhere.at could not be imported"),
    ],
)
def test_one_clear_sentence(given, environ, says):
    with pytest.raises(AuthSettingError) as raised:
        configured(given, environ=environ)
    sentence = str(raised.value)
    assert says in sentence and sentence.startswith("--auth") and "\n" not in sentence


def test_loopback_and_own_networks_need_no_encryption():
    environ = {"CROSSTALK_PASSWORD": "1234"}
    for url in ("http://localhost:1/login", "http://127.0.0.1/login", "http://[::1]/login"):
        configured(f"login:{url}", environ=environ)
    configured("login:http://staging.internal/login insecure=true", environ=environ)


def test_without_the_extra_the_sentence_says_what_to_install():
    script = (
        "import sys; sys.modules['joserfc'] = None; from crosstalk.auth.configured import configured\n"
        "configured('none', environ={})\n"
        "try: configured('jwt', environ={'CROSSTALK_JWT_SECRET': 'secret'})\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "--auth: jwt needs joserfc, which is not installed: pip install 'pytest-crosstalk[live]'"
    )


def test_a_jwk_is_a_secret_in_each_of_its_private_parts(tmp_path):
    key = jwk.RSAKey.generate_key(2048).as_dict(private=True)
    (tmp_path / "key.json").write_text(json.dumps(key))
    found = configured("jwt:RS256 key_file=key.json", environ={}, folder=tmp_path)
    assert {key["d"], key["p"], key["q"]} <= set(found.secrets)
