"""One HTTP exchange of a log-in: asked again where the server says "later", and put into a sentence where it fails.

429 and 503 are tried again, after Retry-After (seconds or a date, RFC 9110 section 10.2.3) or else a delay that
doubles; nothing else is. Proxies of the environment are not used for loopback. Needs httpx2 (the extra `live`).
"""

from __future__ import annotations

import asyncio
import email.utils
import http.cookiejar
import ipaddress
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from crosstalk.auth.base import AuthenticationFailed

if TYPE_CHECKING:
    import httpx2

LATER = (429, 503)


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Exchange:
    """HTTP connections shared by all log-ins; `tries` in all, no wait longer than `patience` seconds."""

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        tries: int = 4,
        patience: float = 30.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        verify: bool | str = True,
    ) -> None:
        self.timeout, self.tries, self.patience, self._sleep, self._verify = timeout, tries, patience, sleep, verify
        self._clients: dict[bool, httpx2.AsyncClient] = {}

    async def send(self, method: str, url: str, *, who: str, jar: Any = None, **request: Any) -> httpx2.Response:
        """The answer, whatever its status but 429 and 503. `who` begins the sentence of AuthenticationFailed.

        `jar` gets the cookies of this exchange, so that one user's never travel with another's.
        """
        import httpx2

        where = _shown(url)
        for number in range(self.tries):
            client = self._client(url)
            try:
                built = client.build_request(method, url, **request)
                if jar is not None:
                    jar.set_cookie_header(built)
                answer = await client.send(built)
                if jar is not None:
                    jar.extract_cookies(answer)
            except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
                raise AuthenticationFailed(f"{who}: {where!r} is no http(s) URL") from None
            except httpx2.TimeoutException:
                raise AuthenticationFailed(f"{who}: {where} did not answer within {self.timeout:g} s") from None
            except httpx2.HTTPError as error:
                raise AuthenticationFailed(f"{who}: {where} could not be asked: {_reason(error)}") from None
            if answer.status_code not in LATER:
                return answer
            delay = _retry_after(answer.headers.get("retry-after", ""))
            if delay is None:
                delay = 0.25 * 2**number * (1 + random.random())  # not all at the same moment
            if number == self.tries - 1:
                break
            if delay > self.patience:
                raise AuthenticationFailed(
                    f"{who}: {where} answered {answer.status_code} and asks to wait {delay:.0f} s, longer than "
                    f"{self.patience:g} s: log in more slowly (rate)"
                )
            await self._sleep(delay)
        raise AuthenticationFailed(
            f"{who}: {where} answered {answer.status_code} {self.tries} times: log in more slowly (rate)"
        )

    async def json(self, method: str, url: str, *, who: str, **request: Any) -> dict[str, Any]:
        """The JSON object that a successful answer holds. Raises AuthenticationFailed."""
        answer = await self.send(method, url, who=who, **request)
        if not answer.is_success:
            raise AuthenticationFailed(f"{who}: {_shown(url)} answered {answer.status_code}{error_in(answer)}")
        return json_object(answer, who)

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    def _client(self, url: str) -> httpx2.AsyncClient:
        import httpx2

        near = is_loopback(url)
        if near not in self._clients:
            limits = httpx2.Limits(max_connections=50, max_keepalive_connections=50)
            # the client is shared by all users, so it keeps no cookie of anybody
            none_kept = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
            self._clients[near] = httpx2.AsyncClient(
                timeout=self.timeout, limits=limits, trust_env=not near, verify=self._verify, cookies=none_kept
            )
        return self._clients[near]


def json_object(answer: httpx2.Response, who: str) -> dict[str, Any]:
    """The JSON object in `answer`. Raises AuthenticationFailed."""
    try:
        value = msgspec.json.decode(answer.content)
    except msgspec.MsgspecError:
        value = None
    if not isinstance(value, dict):
        kind = answer.headers.get("content-type", "no content type").partition(";")[0]
        raise AuthenticationFailed(f"{who}: {_shown(str(answer.url))} answered no JSON object ({kind})")
    return value


def error_in(answer: httpx2.Response) -> str:
    """`: error, description` of an OAuth error answer (RFC 6749 section 5.2); empty where there is none."""
    try:
        value = msgspec.json.decode(answer.content)
    except msgspec.MsgspecError:
        return ""
    if not isinstance(value, dict) or not isinstance(value.get("error"), str):
        return ""
    described = value.get("error_description")
    return f": {value['error'][:80]}" + (f", {described[:200]}" if isinstance(described, str) and described else "")


def _shown(url: str) -> str:
    """A URL without user, password, query and fragment: those may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else url[:80]


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


def _retry_after(value: str) -> float | None:
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
