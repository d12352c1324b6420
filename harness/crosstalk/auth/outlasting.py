"""Whether a connection outlasts the token that opened it: served, then expired or taken back, then asked again.

The proof here is what the message was answered with while the token was good: a greeting comes only once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from crosstalk.auth.base import Credential
from crosstalk.auth.entry import with_messages
from crosstalk.auth.ground import SLOWER, Ground, Revoking
from crosstalk.model.attempt import DENIAL, Attempt, Must


async def expired_meanwhile(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    """Once more with a longer life, twice at most, where the token ended before its user was served."""
    life = ground.site.life
    attempt, late = await _expiring(ground, name, says, must, life)
    for longer in (4 * life, 16 * life):
        if late:
            attempt, late = await _expiring(ground, name, says, must, longer)
    return [attempt]


async def _expiring(ground: Ground, name: str, says: str, must: Must, life: int) -> tuple[Attempt, bool]:
    """The attempt, and whether the token ended too soon."""
    assert ground.minted is not None
    good = await ground.good(ground.user)
    ends = math.ceil(time.time()) + life
    token = ground.minted.mint(ground.user, exp=ends).value
    served = math.inf

    async def pass_by() -> None:
        nonlocal served
        served = time.time()
        await asyncio.sleep(max(0.0, ends + ground.site.leeway - served) + 0.1)

    note = f"carrying a token that lives {life} s, and after {life + ground.site.leeway:g} s"
    attempt = await _outlasting(ground, name, says, must, ground.carrying(good, token), pass_by, note)
    return attempt, served >= ends


async def revoked_meanwhile(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    source = ground.source
    assert isinstance(source, Revoking)
    good = await ground.good(ground.user)
    token = ground.authenticator.token_of(good)  # type: ignore[attr-defined]  # a source that revokes is Carried

    async def pass_by() -> None:
        await source.revoke(ground.user, token)
        await asyncio.sleep(ground.site.leeway)

    note = f"and {ground.site.leeway:g} s after its token was taken back"
    return [await _outlasting(ground, name, says, must, good, pass_by, note)]


async def _outlasting(
    ground: Ground,
    name: str,
    says: str,
    must: Must,
    credential: Credential,
    pass_by: Callable[[], Awaitable[None]],
    note: str,
) -> Attempt:
    visit = await ground.visit(credential)
    try:
        # a greeting is not what the message is answered with
        await visit.listen(ground.settle)
        visit.forget()
        await ground.say_something(visit, ground.user)
        await visit.listen(ground.patience * SLOWER, lambda: any(frame in ground.proof for frame in visit.frames))
        await visit.listen(min(0.1, ground.site.patience))
        allowed = visit.answer()
        await pass_by()
        visit.forget()
        if visit.open:
            await ground.say_something(visit, ground.user)
            await visit.listen(ground.patience)
        answer = visit.answer()
    finally:
        await visit.leave()
    proof = tuple(sorted(frame for frame in allowed.frames if frame in ground.proof and frame != DENIAL))
    request = ground.redactor.text(f"{with_messages(ground, visit.request, visit.said[:-1])}\n{note}")
    if visit.said:
        request += f"\nthen sends {ground.redactor.text(visit.said[-1])}"
    return Attempt(name, says, must, ground.user, request, allowed, answer, proof, ground.echoes)
