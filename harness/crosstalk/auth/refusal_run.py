"""Every refusal that is demanded, tried at one server: calibrate, then allow before deny, some at a time.

Where anybody can log in, each refusal has two users of its own, so that none disturbs another; where the users are
given, they are the same two for all, and the refusals take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from crosstalk.auth.base import AuthenticationFailed, Authenticator
from crosstalk.auth.ground import Ground, Site, calibrate
from crosstalk.auth.rate import Rate
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusals import REFUSALS, Refusal, prepare
from crosstalk.model.attempt import Answer, Attempt, Attempts, Must


class Unexaminable(Exception):
    """Good credentials were not served, so nothing can be said; the message is one sentence."""


async def attempt_refusals(
    site: Site,
    authenticator: Authenticator,
    demanded: Mapping[str, Must],
    *,
    redactor: Redactor,
    users: Sequence[str] = (),
    rate: Rate | None = None,
    logins: Rate | None = None,
    at_once: int = 4,
    progress: Callable[[str, int, int], None] | None = None,
) -> Attempts:
    """Try what is demanded. Raises Unexaminable.

    `rate` is that of connections, `logins` that of log-ins; `progress` is told which refusal is done, how many are,
    and of how many.
    """
    if not site.origin:
        site = replace(site, origin=own_origin(site.url))
    named = tuple(users)[:2]
    first, second = (named[0], named[-1]) if named else ("crosstalk-refusal-0a", "crosstalk-refusal-0b")
    ground = Ground(site, authenticator, redactor, first, second, rate or Rate(), logins or Rate())
    try:
        await calibrate(ground)
    except AuthenticationFailed as error:
        raise Unexaminable(redactor.text(str(error))) from None
    await asyncio.to_thread(prepare, ground)
    wanted = [refusal for refusal in REFUSALS if demanded.get(refusal.name, "allowed") != "allowed"]
    skipped = {refusal.name: reason for refusal in wanted if (reason := refusal.needs(ground))}
    tried = [refusal for refusal in wanted if refusal.name not in skipped]
    places = asyncio.Semaphore(1 if named else at_once)
    found: dict[str, list[Attempt]] = {}

    async def one(number: int, refusal: Refusal) -> None:
        own = (
            ground
            if named
            else replace(ground, user=f"crosstalk-refusal-{number}a", other=f"crosstalk-refusal-{number}b")
        )
        must = demanded[refusal.name]
        async with places:
            try:
                found[refusal.name] = await refusal.attempt(own, refusal.name, refusal.says, must)
            except AuthenticationFailed as error:
                # no good credential any more: nothing is proved, and the check says so
                none = Answer("unreachable", reason=redactor.text(str(error)))
                found[refusal.name] = [Attempt(refusal.name, refusal.says, must, own.user, "", none, none)]
            if progress is not None:
                progress(refusal.name, len(found), len(tried))

    async with asyncio.TaskGroup() as group:
        for number, refusal in enumerate(tried, 1):
            group.create_task(one(number, refusal))
    attempts = tuple(attempt for refusal in tried for attempt in found[refusal.name])
    return Attempts(redactor.text(site.target or site.url), attempts, skipped)


def own_origin(url: str) -> str:
    """The origin of pages that the server itself would serve."""
    parts = urlsplit(url)
    return f"{'https' if parts.scheme in ('wss', 'https') else 'http'}://{parts.netloc.rpartition('@')[2]}"
