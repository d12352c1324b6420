"""The device grant (RFC 8628): a code is shown, someone approves it in a browser, and we ask until that is done.

`announce` is told each code; by default it goes to stderr. It may be a coroutine that approves the code itself, for
test users of a provider that has an API for it.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosstalk.auth.base import AuthenticationFailed
from crosstalk.auth.exchange import error_in, json_object

if TYPE_CHECKING:
    from crosstalk.auth.discovery import Endpoints
    from crosstalk.auth.oauth import OAuth

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class UserCode:
    """What somebody types at `where` to let `user_id` in; `complete` has the code in the URL, where offered."""

    user_id: str
    code: str
    where: str
    complete: str = ""


Announce = Callable[[UserCode], Awaitable[None] | None]


def announce_on_stderr(code: UserCode) -> None:
    print(f"crosstalk: to let {code.user_id!r} in, open {code.where} and enter {code.code}", file=sys.stderr)


async def approved(
    oauth: OAuth,
    user_id: str,
    endpoints: Endpoints,
    form: Mapping[str, str],
    headers: Mapping[str, str],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> dict[str, Any]:
    """The token endpoint's answer once somebody has approved. Raises AuthenticationFailed."""
    who = f"logging in {user_id!r} by device code"
    if not endpoints.device:
        raise AuthenticationFailed(f"{who}: {oauth.provider} names no device authorization endpoint")
    # the client names itself here even where it also proves itself by a header (RFC 8628 section 3.1)
    form = {"client_id": oauth.client_id.replace("{user}", user_id), **form}
    asked = await oauth.exchange.json("POST", endpoints.device, who=who, data=form, headers=dict(headers))
    try:
        device_code = str(asked["device_code"])
        shown = UserCode(
            user_id,
            str(asked["user_code"]),
            str(asked["verification_uri"]),
            str(asked.get("verification_uri_complete", "")),
        )
        seconds = float(asked["expires_in"])
        interval = float(asked.get("interval", 5))
    except (KeyError, TypeError, ValueError):
        raise AuthenticationFailed(f"{who}: the provider's answer lacks what RFC 8628 asks for") from None
    told = oauth.announce(shown)
    if inspect.isawaitable(told):
        await told
    begun = oauth.clock()
    poll = {**form, "grant_type": GRANT_TYPE, "device_code": device_code}
    while oauth.clock() - begun < seconds:
        answer = await oauth.exchange.send("POST", endpoints.token, who=who, data=poll, headers=dict(headers))
        if answer.is_success:
            return json_object(answer, who)
        error = error_in(answer).removeprefix(": ").partition(",")[0]
        if error == "slow_down":
            interval += 5
        elif error != "authorization_pending":
            raise AuthenticationFailed(f"{who}: the provider answered {answer.status_code}{error_in(answer)}")
        await sleep(interval)
    raise AuthenticationFailed(f"{who}: nobody approved the code within {seconds:g} s")
