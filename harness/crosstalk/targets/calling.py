"""One HTTP call to what was named: by no proxy of the environment, and following no redirect."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import httpx2

from crosstalk.targets.connection import usual_tls

CONNECT_SECONDS = 10.0
LARGEST = 1 << 22


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
) -> str:
    """What it was answered, within `seconds` in all. Raises CallFailed."""
    transport = httpx2.AsyncHTTPTransport(verify=tls or usual_tls(), trust_env=False)
    limits = httpx2.Timeout(CONNECT_SECONDS, read=None)
    text = bytearray()
    try:
        async with (
            asyncio.timeout(seconds),
            httpx2.AsyncClient(transport=transport, trust_env=False, timeout=limits) as client,
            client.stream(method, url, content=body, headers=[*headers]) as answer,
        ):
            if not answer.is_success:
                raise CallFailed(f"was answered {answer.status_code} {answer.reason_phrase}")
            async for piece in answer.aiter_bytes():
                text += piece
                if len(text) > LARGEST:
                    raise CallFailed(f"was answered by more than {LARGEST:,} bytes")
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        reason = error.__cause__ if isinstance(error, httpx2.NetworkError) else None
        raise CallFailed(f"failed ({type(reason or error).__name__})") from None
    return text.decode("utf-8", "replace")
