"""Whether one gets in: the same request twice, with good credentials and then with bad ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crosstalk.auth.base import Credential
from crosstalk.auth.ground import FOREIGN, Ground, Revoking
from crosstalk.model.attempt import Answer, Attempt, Must


@dataclass(frozen=True, slots=True)
class Forged:
    """A bad credential; `note` says what it is, without anything that lets somebody in.

    `user_id` is who it claims to be, where that is another: the one whose id stands in the URL.
    """

    credential: Credential
    note: str
    user_id: str = ""


def entry(
    forge: Callable[[Ground, Credential], list[Forged]],
) -> Callable[[Ground, str, str, Must], Awaitable[list[Attempt]]]:
    """An attempt for each credential that `forge` makes out of a good one."""

    async def attempt(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
        good = await ground.good(ground.user)
        allowed = await ground.served(good)
        attempts = []
        for forged in forge(ground, good):
            answer, request = await refused(ground, forged.credential, user_id=forged.user_id)
            attempts.append(made(ground, name, says, must, f"{request}\ncarrying {forged.note}", allowed, answer))
        return attempts

    return attempt


async def refused(ground: Ground, credential: Credential, **given: Any) -> tuple[Answer, str]:
    """The answer to a bad credential, listened for as long as patience says, and the request as it went out.

    No answer at all is asked for once more.
    """
    answer, request = await _refused(ground, credential, given)
    return await _refused(ground, credential, given) if answer.kind == "no answer" else (answer, request)


async def _refused(ground: Ground, credential: Credential, given: Mapping[str, Any]) -> tuple[Answer, str]:
    visit = await ground.visit(credential, **given)
    try:
        # where the first message says who one is, one that says nothing is taken for that: so it is said again
        for _ in range(2 if ground.says_who_first and credential.first_message is None else 1):
            await ground.say_something(visit, ground.user)
        await visit.listen(ground.patience)
        return ground.counted(visit.answer()), with_messages(ground, visit.request, visit.said)
    finally:
        await visit.leave()


def with_messages(ground: Ground, request: str, said: list[str]) -> str:
    return "\n".join([request, *(f"then sends {ground.redactor.text(message)}" for message in said)])


def made(
    ground: Ground, name: str, says: str, must: Must, request: str, allowed: Answer, answer: Answer, owner: str = ""
) -> Attempt:
    text = ground.redactor.text
    return Attempt(name, says, must, ground.user, text(request), allowed, answer, ground.proof, ground.echoes, owner)


async def from_foreign_site(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    """Cross-site WebSocket hijacking: a page of another site connects, and the browser adds the user's cookies."""
    good = await ground.good(ground.user)
    allowed = await ground.served(good, origin=ground.site.origin)
    answer, request = await refused(ground, good, origin=FOREIGN)
    return [made(ground, name, says, must, request, allowed, answer)]


async def revoked(ground: Ground, name: str, says: str, must: Must) -> list[Attempt]:
    """A token is served, taken back, and tried again."""
    assert isinstance(ground.source, Revoking)
    good = await ground.good(ground.user)
    allowed = await ground.served(good)
    token = ground.authenticator.token_of(good)  # type: ignore[attr-defined]  # a source that revokes is Carried
    await ground.source.revoke(ground.user, token)
    answer, request = await refused(ground, good)
    return [made(ground, name, says, must, request, allowed, answer)]
