"""Log-ins within a rate: a bucket that holds `burst` permits and fills by `per_second` (a token bucket).

Many users log in at the same time, but a system that others use must not be stormed. `login_all` logs them in
concurrently and hands back what failed beside what worked: one user who can't log in doesn't end a run of thousands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from crosstalk.auth.base import AuthenticationFailed, Authenticator, Credential


class Rate:
    """At most `burst` at once and `per_second` on average; `per_second` 0 is no limit. Waits in order of arrival."""

    def __init__(
        self,
        per_second: float = 0.0,
        burst: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if per_second < 0 or burst < 1:
            raise ValueError("a rate is 0 or more a second, with a burst of 1 or more")
        self.per_second, self.burst = per_second, burst
        self._clock, self._sleep = clock, sleep
        self._free_at = float("-inf")  # when the bucket will be full again

    async def permit(self) -> None:
        """Returns when the next log-in may begin."""
        if not self.per_second:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now) + 1 / self.per_second
        wait = self._free_at - now - self.burst / self.per_second
        if wait > 1e-9:
            await self._sleep(wait)


@dataclass(slots=True)
class Rated:
    """An authenticator whose log-ins and refreshes keep within `rate`."""

    authenticator: Authenticator
    rate: Rate

    async def login(self, user_id: str) -> Credential:
        await self.rate.permit()
        return await self.authenticator.login(user_id)

    async def refresh(self, credential: Credential) -> Credential:
        await self.rate.permit()
        return await self.authenticator.refresh(credential)

    async def close(self) -> None:
        await self.authenticator.close()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who got in, and who did not and why."""

    credentials: dict[str, Credential]
    failures: dict[str, str]


async def login_all(
    authenticator: Authenticator, user_ids: Iterable[str], rate: Rate | None = None, *, at_once: int = 50
) -> LoggedIn:
    """Log all in, `at_once` at a time. An exception other than AuthenticationFailed is a defect and comes out."""
    permits = rate or Rate()
    places = asyncio.Semaphore(at_once)
    credentials: dict[str, Credential] = {}
    failures: dict[str, str] = {}

    async def one(user_id: str) -> None:
        async with places:
            await permits.permit()
            try:
                credentials[user_id] = await authenticator.login(user_id)
            except AuthenticationFailed as error:
                failures[user_id] = str(error)

    users = tuple(dict.fromkeys(user_ids))
    async with asyncio.TaskGroup() as group:
        for user_id in users:
            group.create_task(one(user_id))
    return LoggedIn({user: credentials[user] for user in users if user in credentials}, failures)
