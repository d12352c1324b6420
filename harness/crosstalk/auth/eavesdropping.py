"""Whether a user with its own good credentials can listen or act as somebody else, by saying so.

The other user is connected and says something with a mark in it, which comes back to it; whoever tried the trick must
not hear that. And what the trickster says must not reach the other user. Being let in is no offence here: a server may
well ignore the other's id.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace as changed

from crosstalk.auth.entry import made, with_messages
from crosstalk.auth.ground import GROWTH, SLOWER, Ground
from crosstalk.auth.knock import Visit
from crosstalk.model.attempt import Answer, Attempt, Heard, Must

GRACE = 0.7
"""Seconds that the trickster listens on after the owner has heard its own mark, and longer where that took long."""


async def unasked(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    """No trick: whoever hears somebody else all the same tells the tricks' leaks from those of the server itself."""
    return [await _listening(ground, name, says, must, [])]


async def by_query(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    query = tuple((field, ground.other) for field in ground.site.identity)
    return [await _listening(ground, name, says, must, [], query=query)]


async def by_header(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    headers = tuple((field, ground.other) for field in ("X-User-Id", "X-User", "X-Forwarded-User", "X-Remote-User"))
    return [await _listening(ground, name, says, must, [], headers=headers)]


async def by_path(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    return [await _listening(ground, name, says, must, [], user_id=ground.other)]


async def by_message(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    """The other's id in what is said, at the top and under `payload`; and as a first message that authenticates."""
    return [await _listening(ground, name, says, must, [_naming(ground, ground.mark(ground.user))])]


async def by_subscription(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    def subscribing(user: str) -> str:
        return ground.site.subscribe.replace("{user}", user)

    return [await _listening(ground, name, says, must, [subscribing(ground.other)], own=subscribing(ground.other))]


def _naming(ground: Ground, mark: str) -> str:
    """What a user says, with the other user's id wherever an id could stand."""
    said = ground.site.saying(ground.other, mark)
    ids = dict.fromkeys(ground.site.identity, ground.other)
    try:
        message = json.loads(said)
    except ValueError:
        return said
    if not isinstance(message, dict):
        return said
    inner = {
        key: {**value, **ids} if key in ("payload", "data") and isinstance(value, dict) else value
        for key, value in message.items()
    }
    return json.dumps({**inner, **ids})


async def _listening(
    ground: Ground, name: str, says: str, must: Must, messages: list[str], *, own: str = "", **given: Any
) -> Attempt:
    """The owner and the trickster connect, the trick is played, both say something, and both listen.

    Once more, where nobody hears anything: the server, or this machine, may have been slow.
    """
    attempt = await _listened(ground, name, says, must, messages, own, given)
    if attempt.allowed.heard or attempt.answer.heard or not ground.echoes:
        return attempt
    return await _listened(ground, name, says, must, messages, own, given)


async def _listened(
    ground: Ground, name: str, says: str, must: Must, messages: list[str], own: str, given: Mapping[str, Any]
) -> Attempt:
    owner, trickster = ground.other, ground.user
    patience = ground.patience
    theirs = await ground.good(owner)
    mine = await ground.good(trickster)
    visits: list[Visit] = []
    try:
        visits.append(await ground.visit(theirs))
        visits.append(await ground.visit(mine, **given))
        victim, thief = visits
        if own:
            await victim.say(own)
        await asyncio.gather(victim.listen(ground.settle), thief.listen(ground.settle))
        for message in messages:
            await thief.say(message)
        if not messages:
            await ground.say_something(thief, trickster)
        await asyncio.gather(victim.listen(ground.settle), thief.listen(ground.settle))
        await ground.say_something(victim, owner)
        began = time.monotonic()
        longest = patience * (SLOWER if ground.echoes else 1)
        await victim.listen(longest, lambda: Heard(owner, owner) in victim.heard)
        took = time.monotonic() - began if victim.heard else 0.0
        grace = max(min(GRACE, patience), GROWTH * took)
        await asyncio.gather(victim.listen(grace), thief.listen(grace))
        allowed, answer = victim.answer(), thief.answer()
        request = with_messages(ground, thief.request, thief.said)
    finally:
        for visit in visits:
            await visit.leave()
    leaks = tuple(heard for heard in victim.heard if heard.owner == trickster)
    return made(ground, name, says, must, request, allowed, _heard(answer, leaks), owner)


def _heard(answer: Answer, more: tuple[Heard, ...]) -> Answer:
    return changed(answer, heard=(*answer.heard, *more))
