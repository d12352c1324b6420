"""The verdict on who gets in: attempts, check, sabotage, and what was left undecided, put together.

Pass means: everything demanded that can be tried here was tried, decided, and refused as declared, and the check has
seen its own sabotage on this very server.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crosstalk.auth.base import Authenticator
from crosstalk.auth.ground import Site
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusal_run import attempt_refusals
from crosstalk.checks import authentication
from crosstalk.controls.let_in import caught, let_everybody_in
from crosstalk.model.attempt import MUST, Attempt, Attempts, Exchange, Must
from crosstalk.model.live_figures import Sighting
from crosstalk.model.verdict import CheckVerdict, Control, Explored, FoundViolation, Schedule, Verdict, judge


def judged(attempts: Attempts, again: str = "") -> tuple[CheckVerdict, Control]:
    """What the attempts say of the check `authentication`. `again` is the command that tries the same again."""
    result = authentication.check(attempts)
    control = Control("authentication", let_everybody_in.__name__, caught(attempts))
    found = []
    causes: set[str] = set()
    for violation in result.violations:
        if violation.cause in causes:
            continue
        causes.add(violation.cause)
        attempt = attempts.attempts[violation.send]
        told = (
            *attempt.request.splitlines(),
            f"-> {attempt.answer}",
            f"good credentials, just before: {attempt.allowed}",
        )
        picture = "\n".join(f"   {line}" for line in told)
        only = f"{again} --preset none --must {shlex.quote(f'{attempt.refusal}={attempt.must}')}" if again else ""
        found.append(
            FoundViolation(
                violation.message,
                violation.users,
                "",
                Schedule("live", 0),
                picture,
                violation.cause,
                sighting=Sighting(0.0, -1, command=only),
                exchange=_exchange(attempt),
            )
        )
    outcome, reason = judge(result.opportunities, len(result.violations), control.caught or not attempts.attempts)
    undecided = authentication.undecided(attempts)
    if undecided and outcome != "fail":
        name, why = next(iter(undecided.items()))
        more = f"; and {len(undecided) - 1} more" if len(undecided) > 1 else ""
        outcome, reason = "unknown", f"undecided: {name} ({why}){more}"
    return CheckVerdict("authentication", outcome, result.opportunities, tuple(found), reason), control


def _exchange(attempt: Attempt) -> Exchange:
    must, answer = MUST[attempt.must], str(attempt.answer)
    strangers = [heard for heard in attempt.answer.heard if heard.listener != heard.owner]
    if attempt.owner and strangers:
        must = "sent nothing that belongs to anybody else"
        answer = f"{strangers[0].listener} was sent what belongs to {strangers[0].owner}"
    request = tuple(attempt.request.splitlines())
    return Exchange(attempt.user, attempt.says, request, must, answer, str(attempt.allowed))


async def examine_refusals(
    site: Site,
    authenticator: Authenticator,
    demanded: Mapping[str, Must],
    *,
    redactor: Redactor,
    users: Sequence[str] = (),
    again: str = "",
    progress: Callable[[str, int, int], None] | None = None,
    **given: Any,
) -> tuple[Verdict, Attempts]:
    """Try everything demanded, and judge. Raises Unexaminable when good credentials are not served."""
    began = time.monotonic()
    attempts = await attempt_refusals(
        site, authenticator, demanded, redactor=redactor, users=users, progress=progress, **given
    )
    check, control = judged(attempts, again)
    notes = [f"not tried: {name}: {reason}" for name, reason in attempts.skipped.items()]
    undecided = authentication.undecided(attempts)
    notes += [f"undecided: {name}: {reason}" for name, reason in undecided.items()]
    explored = Explored(
        len(attempts.attempts),
        0,
        0,
        sum(len(attempt.answer.frames) + len(attempt.allowed.frames) for attempt in attempts.attempts),
        round(time.monotonic() - began, 3),
    )
    return Verdict(check.verdict, attempts.url, 0, (check,), (control,), explored, notes=tuple(notes)), attempts
