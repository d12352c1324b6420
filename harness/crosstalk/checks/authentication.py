"""Who must not get in does not get in, and nobody acts or listens as somebody else.

Judged against what good credentials got from the same server a moment before (model/attempt.py):

* a connection that must be refused is let in when it is still open, was served as good users are (its own words came
  back to it, or where the server repeats nothing, every kind of frame that good users are sent) and told nothing that
  says no. An open connection that gets less is undecided, and so are all where good users get nothing either: never an
  accusation, never a pass;
* it is refused in the wrong way when it is kept out, but not as was declared;
* what belongs to one user is heard by another: a mark that only the owner's own connection may be sent.

An opportunity is an attempt with a decided outcome whose good twin was served. A server in trouble (429, 502, 503, 504,
close codes 1012 to 1014, no answer) has decided nothing.
"""

from __future__ import annotations

from typing import Literal

from crosstalk.checks.result import Result
from crosstalk.model.attempt import DENIAL, MUST, Answer, Attempt, Attempts
from crosstalk.model.history import Violation

TROUBLE_STATUS = (408, 429, 502, 503, 504)
TROUBLE_CODE = (1012, 1013, 1014)
_Outcome = Literal["let in", "kept out", "wrong way", "leaked"]


def check(attempts: Attempts) -> Result:
    result = Result()
    for row, attempt in enumerate(attempts.attempts):
        outcome, _ = decided(attempt)
        if outcome is None:
            continue
        result.opportunities += 1
        if outcome != "kept out":
            users = (attempt.user,) if not attempt.owner else tuple(dict.fromkeys((attempt.owner, attempt.user)))
            cause = f"{attempt.refusal}: {outcome}"
            result.violations.append(Violation("authentication", _said(attempt, outcome), users, row, cause, row))
    return result


def undecided(attempts: Attempts) -> dict[str, str]:
    """Refusals that were tried without being decided, and why."""
    reasons: dict[str, str] = {}
    for attempt in attempts.attempts:
        outcome, reason = decided(attempt)
        if outcome is None:
            reasons.setdefault(attempt.refusal, reason)
    return reasons


def decided(attempt: Attempt) -> tuple[_Outcome | None, str]:
    """What came of it; None with the reason where nothing can be told."""
    answer, allowed = attempt.answer, attempt.allowed
    if attempt.owner:
        if any(heard.listener != heard.owner for heard in answer.heard):
            return "leaked", ""
        if not any(heard.listener == heard.owner == attempt.owner for heard in allowed.heard):
            return (
                None,
                f"{attempt.owner!r} was not sent its own mark ({allowed}): say what the server echoes (message)",
            )
        return "kept out", ""
    known = attempt.proof or attempt.echoes
    if allowed.kind != "open" or (known and not served(allowed, attempt)):
        return None, f"good credentials were not served just before: {allowed}"
    if not known:
        return None, "good users are sent nothing either: give a message that the server answers"
    if in_trouble(answer):
        return None, f"the server was in trouble: {answer}"
    if answer.kind == "open":
        if served(answer, attempt):
            return "let in", ""
        if attempt.must == "unserved":
            return "kept out", ""
        return None, f"{answer}, but nothing that good users are sent; declare it 'unserved' if it is meant so"
    return ("kept out" if in_the_way_declared(attempt) else "wrong way"), ""


def served(answer: Answer, attempt: Attempt) -> bool:
    """Whether it was given what good users are given, and no frame that says no."""
    if DENIAL in answer.frames and DENIAL not in attempt.allowed.frames:
        return False
    if attempt.echoes:
        return not set(attempt.echoes).isdisjoint(answer.echoed)
    return bool(attempt.proof) and set(attempt.proof) <= set(answer.frames)


def in_trouble(answer: Answer) -> bool:
    return (
        answer.kind in ("no answer", "unreachable")
        or (answer.kind == "refused" and answer.status in TROUBLE_STATUS)
        or (answer.kind == "closed" and answer.code in TROUBLE_CODE)
    )


def in_the_way_declared(attempt: Attempt) -> bool:
    """Whether a connection that was kept out was kept out as `must` says."""
    answer = attempt.answer
    at_upgrade = answer.kind == "refused" and 400 <= answer.status < 500
    by_word = answer.kind == "refused" and not answer.status
    by_close = answer.kind == "closed" and (answer.code in (1008, 3000, 3003) or 4000 <= answer.code <= 4999)
    return {
        "refused": True,
        "unserved": True,
        "properly": at_upgrade or by_word or by_close,
        "upgrade": at_upgrade,
        "1008": answer.kind == "closed" and answer.code == 1008,
        "allowed": True,
    }[attempt.must]


def _said(attempt: Attempt, outcome: _Outcome) -> str:
    answer = attempt.answer
    if outcome == "leaked":
        heard = next(heard for heard in answer.heard if heard.listener != heard.owner)
        return f"{heard.listener!r} was sent what belongs to {heard.owner!r}: {attempt.says}"
    if outcome == "let in":
        return f"{attempt.user!r} was let in with {attempt.says}, and served like a good user"
    return f"{attempt.user!r} with {attempt.says} was {answer}, but it must be {MUST[attempt.must]}"
