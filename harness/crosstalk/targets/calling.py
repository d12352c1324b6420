"""One HTTP call to what was named: by no proxy of the environment, and following no redirect."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import httpx2

from crosstalk.targets.connection import usual_tls

CONNECT_SECONDS = 10.0


class CallFailed(Exception):
    """It was not answered with success; the message says how it went, after a subject: "was answered 503 ..."."""


async def call(
    method: str,
    url: str,
    *,
    seconds: float | None,
    body: str | bytes | None = None,
    headers: Sequence[tuple[str, str]] = (),
    tls: ssl.SSLContext | None = None,
) -> httpx2.Response:
    """The answer, read to its end, none of whose parts took longer than `seconds`. Raises CallFailed."""
    transport = httpx2.AsyncHTTPTransport(verify=tls or usual_tls(), trust_env=False)
    limits = httpx2.Timeout(CONNECT_SECONDS, read=seconds)
    try:
        async with httpx2.AsyncClient(transport=transport, trust_env=False, timeout=limits) as client:
            answer = await client.request(method, url, content=body, headers=[*headers])
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = error.__cause__ if isinstance(error, httpx2.NetworkError) else None
        raise CallFailed(f"failed ({type(reason or error).__name__})") from None
    if not answer.is_success:
        raise CallFailed(f"was answered {answer.status_code} {answer.reason_phrase}")
    return answer
