"""Logging in as a browser or an app does: a form or JSON is posted, and cookies or a token come back.

What is posted is a template: `{user}` and `{password}` in any value. With `csrf` the page is fetched first and its
cookie goes back as a field and as the header `X-CSRFToken` (Django's way). A log-in counts as done when the cookie (or
the token) has come: many servers answer 200 with the form again when the password was wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from crosstalk.auth.base import AuthenticationFailed, Credential
from crosstalk.auth.exchange import Exchange, error_in, json_object
from crosstalk.auth.tokens import Token


@dataclass(slots=True)
class HttpLogin:
    """Posts `fields` to `url`. `passwords` by user; `password` is that of everybody else.

    `csrf` is (cookie's name, field's name) or None.
    """

    url: str
    fields: Mapping[str, str] = field(default_factory=lambda: {"username": "{user}", "password": "{password}"})
    form: Literal["form", "json"] = "form"
    password: str = field(default="", repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    csrf: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    exchange: Exchange = field(default_factory=Exchange)

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(self.passwords) if self.passwords and not self.password else ()

    async def post(self, user_id: str) -> tuple[Any, Any, str, str]:
        """The answer, the jar of this log-in's cookies, and the CSRF token and password sent."""
        import httpx2

        who = f"logging in {user_id!r}"
        password = self.passwords.get(user_id, self.password)
        if not password and any("{password}" in value for value in self.fields.values()):
            raise AuthenticationFailed(f"there is no password for {user_id!r} to log in with")
        fields = {
            name: password if value == "{password}" else value.replace("{user}", user_id)
            for name, value in self.fields.items()
        }
        headers = dict(self.headers)
        jar = httpx2.Cookies()
        token = ""
        if self.csrf is not None:
            cookie, name = self.csrf
            await self.exchange.send("GET", self.url, who=who, jar=jar)
            token = _value(jar, cookie)
            if not token:
                raise AuthenticationFailed(f"{who}: the page set no cookie {cookie!r} to send back (csrf)")
            fields[name] = token
            headers |= {"X-CSRFToken": token, "Referer": self.url}
        body = {"data": fields} if self.form == "form" else {"json": fields}
        answer = await self.exchange.send("POST", self.url, who=who, jar=jar, headers=headers, **body)
        if answer.status_code >= 400:
            raise AuthenticationFailed(f"{who}: the server answered {answer.status_code}{error_in(answer)}")
        return answer, jar, token, password

    async def close(self) -> None:
        await self.exchange.close()


@dataclass(slots=True)
class CookieLogin:
    """An authenticator whose connections carry the cookies of an HTTP log-in; `cookie` is the one that must come.

    Empty means any that was not there before the log-in.
    """

    http: HttpLogin
    cookie: str = ""

    @property
    def users(self) -> tuple[str, ...]:
        return self.http.users

    async def login(self, user_id: str) -> Credential:
        answer, jar, csrf, password = await self.http.post(user_id)
        before = {self.http.csrf[0]} if self.http.csrf else set()
        cookies = tuple((cookie.name, cookie.value or "") for cookie in jar.jar)
        came = {name for name, value in cookies if value}
        missing = self.cookie not in came if self.cookie else not came - before
        if missing:
            wanted = f"no cookie {self.cookie!r}" if self.cookie else "no cookie"
            raise AuthenticationFailed(
                f"logging in {user_id!r}: the server answered {answer.status_code} and set {wanted}: is the password "
                f"right, and are the fields the ones that its form has?"
            )
        ends = [cookie.expires for cookie in jar.jar if cookie.expires and cookie.name == self.cookie]
        secrets = tuple(secret for secret in (*(value for _, value in cookies), csrf, password) if secret)
        return Credential(user_id, cookies=cookies, expires=float(ends[0]) if ends else None, secrets=secrets)

    async def refresh(self, credential: Credential) -> Credential:
        return await self.login(credential.user_id)

    async def close(self) -> None:
        await self.http.close()


@dataclass(slots=True)
class TokenLogin:
    """A token source: the token is in the JSON that the log-in answers, at the JSON Pointer `at` (RFC 6901)."""

    http: HttpLogin
    at: str = "/access_token"

    @property
    def users(self) -> tuple[str, ...]:
        return self.http.users

    async def issue(self, user_id: str) -> Token:
        answer, _, _, password = await self.http.post(user_id)
        who = f"logging in {user_id!r}"
        found: Any = json_object(answer, who)
        for part in self.at.removeprefix("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, str) or not found:
            raise AuthenticationFailed(f"{who}: the server's answer has no text at {self.at}")
        return Token(found, others=(password,) if password else ())

    async def renew(self, user_id: str, token: Token) -> Token:
        return await self.issue(user_id)

    async def close(self) -> None:
        await self.http.close()


def _value(jar: Any, name: str) -> str:
    return next((cookie.value or "" for cookie in jar.jar if cookie.name == name), "")
