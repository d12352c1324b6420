"""From what a user wrote, `--auth TEXT` or a profile's table, to an authenticator.

A table has a `kind` and that kind's fields (the Structs below). Text says the same in one line: `KIND`, `KIND:MAIN` and
`NAME=VALUE`, a dot leading into a table:

    none                                  token:tokens.txt                    call:tests/login.py:log_in
    jwt                                   jwt:RS256 key_file=dev.pem claims.aud=chat lifetime=60 carrier=query:token
    oauth:https://id.example grant=password client_id=smoke scope=openid passwords_file=users.txt
    login:https://app.example/login csrf=csrftoken:csrfmiddlewaretoken cookie=sessionid

Secrets come from the environment (a variable, named by `…_env`, or the usual one) or a file (`…_file`), or as
`${VARIABLE}` in a table of headers or fields. A secret that stands in the option or the table itself is refused: it
would be in the shell's history, the process list or the repository.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from crosstalk.auth.base import Authenticator
from crosstalk.auth.carriers import Carrier
from crosstalk.auth.rate import Rate
from crosstalk.auth.static import StaticTokens, read_tokens, read_tokens_file

_SECRET_NAME = re.compile(r"secret|passw|token|api.?key|authorization|cookie|credential|private", re.IGNORECASE)
_INNER = r"\{(?:[^{}\\]|\{[^{}\\]*\})*\}"
_TEMPLATE = re.compile(rf"(?<!['\"])carrier=message:[^\s{{'\"]*\{{(?:[^{{}}\\]|{_INNER})*\}}")
"""A first message of JSON as it stands: its quotes are its own, not the shell's."""
_SECRET_VALUE = re.compile(r"eyJ[\w-]{5,}\.eyJ|-----BEGIN [A-Z ]*PRIVATE KEY")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
LITERALS = ("secret", "password", "passwords", "client_secret", "key", "tokens", "token")


class AuthSettingError(ValueError):
    """What was written can't be used; the message is one sentence without secrets."""


@dataclass(frozen=True, slots=True)
class Configured:
    """An authenticator as configured. `users` are the only ones that can log in; empty: anybody.

    `secrets` are those it was made with, for the redactor; those of each log-in are in its credential.
    """

    authenticator: Authenticator
    rate: Rate
    users: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    said: str = ""


class _Kind(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What every kind has: `rate` log-ins a second (0: no limit), `burst` of them at once."""

    rate: float = 0.0
    burst: int = 10


class NoneKind(_Kind):
    """No authentication; `query` and `headers` may name the user by {user}."""

    query: dict[str, str] = {}
    headers: dict[str, str] = {}


class TokenKind(_Kind):
    """Tokens that exist: of a file, or CROSSTALK_TOKENS (lines or JSON), or CROSSTALK_TOKEN (one for all)."""

    file: str = ""
    env: str = ""
    carrier: str = "header"


class JwtKind(_Kind):
    """Tokens made here. HS: CROSSTALK_JWT_SECRET or secret_file; RS, PS and ES: CROSSTALK_JWT_KEY or key_file."""

    algorithm: str = "HS256"
    secret_env: str = ""
    secret_file: str = ""
    key_env: str = ""
    key_file: str = ""
    claims: dict[str, Any] = {}
    lifetime: float = 3600.0
    header: dict[str, Any] = {}
    jwks: str = ""
    carrier: str = "header"


class OAuthKind(_Kind):
    """Tokens of a provider. CROSSTALK_CLIENT_SECRET, CROSSTALK_PASSWORD, or files."""

    issuer: str = ""
    token_url: str = ""
    device_url: str = ""
    revocation_url: str = ""
    jwks: str = ""
    grant: Literal["client_credentials", "password", "device_code"] = "client_credentials"
    client_id: str = ""
    client_secret_env: str = ""
    client_secret_file: str = ""
    client_auth: Literal["basic", "basic-plain", "form"] = "basic"
    username: str = "{user}"
    password_env: str = ""
    password_file: str = ""
    passwords_file: str = ""
    scope: str = ""
    extra: dict[str, str] = {}
    use: Literal["access_token", "id_token"] = "access_token"
    verify: bool = False
    insecure: bool = False
    carrier: str = "header"


class LoginKind(_Kind):
    """Log-in by HTTP, for cookies; with `token_at` (a JSON Pointer) for a token. CROSSTALK_PASSWORD, or files."""

    url: str = ""
    form: Literal["form", "json"] = "form"
    fields: dict[str, str] = msgspec.field(default_factory=lambda: {"username": "{user}", "password": "{password}"})
    headers: dict[str, str] = {}
    password_env: str = ""
    password_file: str = ""
    passwords_file: str = ""
    csrf: str = ""
    cookie: str = ""
    token_at: str = ""
    insecure: bool = False
    carrier: str = "header"


class CallKind(_Kind):
    """A Python callable: module:attribute or path/to/file.py:attribute."""

    function: str = ""
    carrier: str = "header"


# kind -> (its fields, the field that stands after the colon)
KINDS: dict[str, tuple[type[_Kind], str]] = {
    "none": (NoneKind, ""),
    "token": (TokenKind, "file"),
    "jwt": (JwtKind, "algorithm"),
    "oauth": (OAuthKind, "issuer"),
    "login": (LoginKind, "url"),
    "call": (CallKind, "function"),
}


def configured(
    given: str | Mapping[str, Any],
    *,
    where: str = "--auth",
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Configured:
    """The authenticator that `given` describes. Raises AuthSettingError; `where` names the place in its sentence.

    Files are relative to `folder`, by default the working directory.
    """
    table = _table(given, where) if isinstance(given, str) else dict(given)
    kind = table.pop("kind", None)
    if kind not in KINDS:
        raise AuthSettingError(f"{where}: {_shown(kind)} is no kind of log-in: give one of {', '.join(KINDS)}")
    _refuse_literals(table, where)
    reader = _Reader(where, os.environ if environ is None else environ, folder or Path.cwd())
    try:
        fields = msgspec.convert(reader.substituted(table), KINDS[kind][0], strict=not isinstance(given, str))
    except msgspec.ValidationError as error:
        raise AuthSettingError(f"{where}: {_sentence(error, KINDS[kind][0])}") from None
    try:
        rate = Rate(fields.rate, fields.burst)
        authenticator, users = _MAKE[kind](fields, reader)
    except ModuleNotFoundError as error:
        raise AuthSettingError(
            f"{where}: {kind} needs {error.name}, which is not installed: pip install 'pytest-crosstalk[live]'"
        ) from None
    except AuthSettingError:
        raise
    except ValueError as error:
        raise AuthSettingError(f"{where}: {error}") from None
    carrier = getattr(fields, "carrier", "")
    said = kind + (f", carried by {carrier}" if carrier else "")
    return Configured(authenticator, rate, users, tuple(dict.fromkeys(reader.secrets)), said)


def _table(text: str, where: str) -> dict[str, Any]:
    try:
        words = shlex.split(_TEMPLATE.sub(lambda found: shlex.quote(found[0]), text))
    except ValueError as error:
        raise AuthSettingError(f"{where}: {str(error).lower()}") from None
    if not words:
        raise AuthSettingError(f"{where} is empty: give one of {', '.join(KINDS)}")
    kind, colon, main = words[0].partition(":")
    table: dict[str, Any] = {"kind": kind}
    if colon:
        name = KINDS[kind][1] if kind in KINDS else "main"
        if not name or not main:
            raise AuthSettingError(
                f"{where}: nothing can stand after the colon of {kind}:"
                if not name
                else f"{where}: {kind}: ends in a colon, give its {name} or leave the colon out"
            )
        table[name] = main
    for number, word in enumerate(words[1:], 2):
        name, equals, value = word.partition("=")
        if not equals or not name:
            # the word itself may be part of a secret
            raise AuthSettingError(f"{where}: word {number} is no NAME=VALUE")
        if name in LITERALS:
            _refuse_literals({name: value}, where)
        at = table
        *path, last = name.split(".")
        for part in path:
            inner = at.setdefault(part, {})
            if not isinstance(inner, dict):
                raise AuthSettingError(f"{where}: {part} is given both as a value and as a table")
            at = inner
        at[last] = value
    return table


def holds_secret(text: str) -> bool:
    """Whether `text` looks as if a secret stood in it."""
    return _SECRET_VALUE.search(text) is not None


def _refuse_literals(table: Mapping[str, Any], where: str) -> None:
    for name, value in table.items():
        if name in LITERALS or (isinstance(value, str) and _SECRET_VALUE.search(value)):
            raise AuthSettingError(
                f"{where}: {name} is a secret, and a secret written here is read by others: put it into a variable or "
                f"a file, and name that ({name}_env or {name}_file)"
            )
        for inner, text in value.items() if isinstance(value, Mapping) and name != "claims" else ():
            if not isinstance(text, str) or _VARIABLE.search(text) or re.search(r"\{\w+\}", text):
                continue
            if _SECRET_NAME.search(inner) or _SECRET_VALUE.search(text):
                raise AuthSettingError(
                    f"{where}: {name}.{inner} looks like a secret, and a secret written here is read by others: put it "
                    f"into a variable and write ${{VARIABLE}}"
                )


class _Reader:
    """Reads secrets for one table, and keeps them for the redactor."""

    def __init__(self, where: str, environ: Mapping[str, str], folder: Path) -> None:
        self.where, self.environ, self.folder = where, environ, folder
        self.secrets: list[str] = []

    def fail(self, sentence: str) -> AuthSettingError:
        return AuthSettingError(f"{self.where}: {sentence}")

    def path(self, name: str) -> Path:
        return self.folder / Path(name).expanduser()

    def keep(self, *secrets: str) -> None:
        for secret in filter(None, secrets):
            if len(secret) < 4:
                raise self.fail("a secret of fewer than 4 characters can't be kept out of reports: use a longer one")
            self.secrets.append(secret)
            if "-----BEGIN" in secret:
                self.secrets += [line for line in secret.split() if len(line) >= 16 and not line.startswith("-----")]
            elif secret.lstrip().startswith("{"):
                self.secrets += [value for value in _texts(secret) if len(value) >= 16]  # a JWK's private parts

    def secret(self, env: str, file: str, usual: str, what: str) -> tuple[str, str]:
        """A secret and what names its place; ("", "") where nothing is said of it."""
        if env and file:
            raise self.fail(f"{what} is given by a variable and by a file: give one")
        if file:
            try:
                text = self.path(file).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                raise self.fail(f"{file} ({what}) could not be read: {reason}") from None
            if not text:
                raise self.fail(f"{file} ({what}) is empty")
            self.keep(text)
            return text, file
        text = self.environ.get(env or usual, "")
        if env and not text:
            raise self.fail(f"the variable {env} ({what}) is not set")
        self.keep(text)
        return text, env or usual

    def passwords(self, file: str) -> dict[str, str]:
        found = read_tokens_file(self.path(file)) if file else {}
        self.keep(*found.values())
        return found

    def substituted(self, value: Any) -> Any:
        """`value` with each ${VARIABLE} in it filled in."""
        if isinstance(value, Mapping):
            return {name: self.substituted(inner) for name, inner in value.items()}
        if not isinstance(value, str):
            return value

        def filled(found: re.Match[str]) -> str:
            text = self.environ.get(found[1], "")
            if not text:
                raise self.fail(f"the variable {found[1]} is not set")
            self.keep(text)
            return text

        return _VARIABLE.sub(filled, value)

    def url(self, url: str, name: str, insecure: bool) -> str:
        from crosstalk.auth.exchange import is_loopback

        if not re.match(r"https?://[^/\s]+", url):
            raise self.fail(f"{name} is {_shown(url)}: give a URL that begins with https://")
        if url.startswith("http://") and not insecure and not is_loopback(url):
            raise self.fail(
                f"{name} is not encrypted (http), so whoever listens would read the secrets: give https, or say "
                f"insecure=true where the network is your own"
            )
        return url


def _none(given: NoneKind, reader: _Reader) -> tuple[Authenticator, tuple[str, ...]]:
    from crosstalk.auth.open import Unauthenticated

    return Unauthenticated(tuple(given.query.items()), tuple(given.headers.items())), ()


def _token(given: TokenKind, reader: _Reader) -> tuple[Authenticator, tuple[str, ...]]:
    from crosstalk.auth.carried import Carried

    if given.file and given.env:
        raise reader.fail("tokens are given by a file and by a variable: give one")
    environ = reader.environ
    if given.file:
        source = StaticTokens(read_tokens_file(reader.path(given.file)))
    elif given.env or environ.get("CROSSTALK_TOKENS"):
        name = given.env or "CROSSTALK_TOKENS"
        if not environ.get(name):
            raise reader.fail(f"the variable {name} is not set")
        source = StaticTokens(read_tokens(environ[name], name))
    elif environ.get("CROSSTALK_TOKEN"):
        source = StaticTokens(shared=environ["CROSSTALK_TOKEN"])
    else:
        raise reader.fail(
            "there are no tokens: name a file (token:FILE), or set CROSSTALK_TOKENS (lines USER TOKEN) or "
            "CROSSTALK_TOKEN (one for all)"
        )
    reader.keep(*source.tokens.values(), source.shared)
    return Carried(source, Carrier.parse(given.carrier)), source.users


def _jwt(given: JwtKind, reader: _Reader) -> tuple[Authenticator, tuple[str, ...]]:
    from crosstalk.auth.carried import Carried
    from crosstalk.auth.jwks import KeySet
    from crosstalk.auth.minted import Minted, key_for

    if given.lifetime <= 0:
        raise reader.fail("lifetime is in seconds, and more than 0")
    symmetric = given.algorithm.startswith("HS")
    if symmetric:
        text, source = reader.secret(given.secret_env, given.secret_file, "CROSSTALK_JWT_SECRET", "the JWT secret")
    else:
        text, source = reader.secret(given.key_env, given.key_file, "CROSSTALK_JWT_KEY", "the private key")
    if not text:
        what = "secret_file" if symmetric else "key_file"
        raise reader.fail(f"{given.algorithm} tokens need a key: set {source} or give {what}")
    key = key_for(given.algorithm, text, source)
    key_set = KeySet(reader.url(given.jwks, "jwks", True)) if given.jwks else None
    minted = Minted(key, given.algorithm, given.claims, given.lifetime, given.header, key_set)
    return Carried(minted, Carrier.parse(given.carrier)), ()


def _oauth(given: OAuthKind, reader: _Reader) -> tuple[Authenticator, tuple[str, ...]]:
    from crosstalk.auth.carried import Carried
    from crosstalk.auth.discovery import Provider
    from crosstalk.auth.oauth import OAuth

    urls = {
        name: reader.url(getattr(given, name), name, given.insecure)
        for name in ("issuer", "token_url", "device_url", "revocation_url", "jwks")
        if getattr(given, name)
    }
    if not given.client_id:
        raise reader.fail("oauth needs a client_id")
    client_secret, _ = reader.secret(
        given.client_secret_env, given.client_secret_file, "CROSSTALK_CLIENT_SECRET", "the client secret"
    )
    password, passwords = "", {}
    if given.grant == "password":
        password, _ = reader.secret(given.password_env, given.password_file, "CROSSTALK_PASSWORD", "the password")
        passwords = reader.passwords(given.passwords_file)
        if not password and not passwords:
            raise reader.fail("the grant password needs CROSSTALK_PASSWORD or passwords_file (lines USER PASSWORD)")
    if given.grant == "client_credentials" and not client_secret:
        raise reader.fail("the grant client_credentials needs CROSSTALK_CLIENT_SECRET or client_secret_file")
    source = OAuth(
        Provider(
            urls.get("issuer", ""),
            token=urls.get("token_url", ""),
            device=urls.get("device_url", ""),
            revocation=urls.get("revocation_url", ""),
            jwks=urls.get("jwks", ""),
        ),
        given.grant,
        given.client_id,
        client_secret,
        given.client_auth,
        given.username,
        password,
        passwords,
        given.scope,
        given.extra,
        given.use,
        given.verify,
    )
    return Carried(source, Carrier.parse(given.carrier)), source.users


def _login(given: LoginKind, reader: _Reader) -> tuple[Authenticator, tuple[str, ...]]:
    from crosstalk.auth.carried import Carried
    from crosstalk.auth.http_login import CookieLogin, HttpLogin, TokenLogin

    password, _ = reader.secret(given.password_env, given.password_file, "CROSSTALK_PASSWORD", "the password")
    passwords = reader.passwords(given.passwords_file)
    if not password and not passwords and any("{password}" in value for value in given.fields.values()):
        raise reader.fail("logging in needs CROSSTALK_PASSWORD or passwords_file (lines USER PASSWORD)")
    csrf = None
    if given.csrf:
        cookie, _, name = given.csrf.partition(":")
        csrf = (cookie, name or cookie)
    http = HttpLogin(
        reader.url(given.url, "url", given.insecure),
        given.fields,
        given.form,
        password,
        passwords,
        csrf,
        given.headers,
    )
    if given.token_at:
        if not given.token_at.startswith("/"):
            raise reader.fail(f"token_at is {_shown(given.token_at)}: give a JSON Pointer such as /access_token")
        return Carried(TokenLogin(http, given.token_at), Carrier.parse(given.carrier)), http.users
    return CookieLogin(http, given.cookie), http.users


def _call(given: CallKind, reader: _Reader) -> tuple[Authenticator, tuple[str, ...]]:
    from crosstalk.auth.called import Called
    from crosstalk.targets.loader import TargetError, load

    try:
        function: Callable[..., Any] = load(given.function)
    except TargetError as error:
        raise reader.fail(str(error)) from None
    return Called(function, Carrier.parse(given.carrier), given.function), ()


_MAKE: dict[str, Callable[[Any, _Reader], tuple[Authenticator, tuple[str, ...]]]] = {
    "none": _none,
    "token": _token,
    "jwt": _jwt,
    "oauth": _oauth,
    "login": _login,
    "call": _call,
}


def _sentence(error: msgspec.ValidationError, kind: type[_Kind]) -> str:
    """msgspec's words, which never quote values, with the names that would have been right."""
    text = str(error)
    text = text[:1].lower() + text[1:]
    if "unknown field" in text:
        text += f"; the fields are {', '.join(kind.__struct_fields__)}"
    return text.replace("object contains ", "").replace("`", "'")


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(str(value)[:60])


def _texts(text: str) -> list[str]:
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return [inner for inner in value.values() if isinstance(inner, str)] if isinstance(value, dict) else []
