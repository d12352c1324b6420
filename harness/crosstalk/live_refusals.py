"""From a profile to the verdict on who gets in: what `crosstalk refusals` and the smoke suite have in common.

Users, log-in, messages, origin, certificates and limits are those of the live run (live.py); what must be refused is
the profile's `refusals` (a preset) and `must` (by name).
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable

from crosstalk.auth.carried import Carried
from crosstalk.auth.examination import examine_refusals
from crosstalk.auth.ground import Site
from crosstalk.auth.http_login import CookieLogin
from crosstalk.auth.rate import Rate
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusals import demanded
from crosstalk.live import Plan
from crosstalk.model.verdict import Verdict
from crosstalk.profile import Profile, ProfileError
from crosstalk.targets.cause import Message
from crosstalk.targets.websocket import verified_tls


def examine(
    planned: Plan,
    *,
    target: str = "",
    again: str = "",
    progress: Callable[[str, int, int], None] | None = None,
) -> Verdict:
    """The verdict on the system that is planned for. Raises ValueError, and Unexaminable where nobody gets in."""
    profile = planned.profile
    authenticator = planned.log_in.authenticator
    carrier = authenticator.carrier.kind if isinstance(authenticator, Carried) else ""
    if isinstance(authenticator, CookieLogin):
        carrier = "cookie"
    demands = demanded(profile.refusals, profile.must, carrier=carrier)
    try:
        tls = verified_tls(profile.ca_file) if planned.url.startswith("wss:") else None
    except OSError as error:
        raise ProfileError(f"{profile.ca_file} could not be read as certificates: {error.strerror or error}") from None
    site = Site(
        planned.url,
        planned.cause.template if isinstance(planned.cause, Message) else "",
        profile.subscribe,
        profile.origin,
        profile.patience,
        profile.leeway,
        timeout=profile.open_seconds,
        tls=tls,
        target=target,
    )

    async def play() -> Verdict:
        try:
            verdict, _ = await examine_refusals(
                site,
                authenticator,
                demands,
                redactor=Redactor(planned.log_in.secrets),
                users=_users(planned),
                rate=Rate(profile.connect_rate, 5),
                logins=planned.log_in.rate,
                again=again,
                progress=progress,
            )
            return verdict
        finally:
            await authenticator.close()

    return asyncio.run(play())


def _users(planned: Plan) -> tuple[str, ...]:
    """Two users that exist, where not anybody can log in under any name; else none."""
    profile = planned.profile
    anybody = isinstance(profile.users, int) and profile.user_name == Profile().user_name and not planned.log_in.users
    return () if anybody else planned.users[:2]


def again_with(url: str, profile: str, options: list[str]) -> str:
    """The command that tries the same again; secrets are never in it."""
    named = ["--profile", profile] if profile else []
    return shlex.join(["crosstalk", "refusals", *([url.partition("?")[0]] if url else []), *named, *options])
