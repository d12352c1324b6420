"""From a profile to the verdict on who gets in: what `crosstalk refusals` and the smoke suite have in common.

Users, log-in, messages, origin, certificates and limits are those of the live run (live.py); what must be refused is
the profile's `refusals` (a preset) and `must` (by name).
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable

from msgspec.structs import replace as changed

from crosstalk.auth.called import Called
from crosstalk.auth.carried import Carried
from crosstalk.auth.examination import examine_refusals
from crosstalk.auth.ground import Site
from crosstalk.auth.http_login import CookieLogin
from crosstalk.auth.open import Unauthenticated
from crosstalk.auth.rate import Rate
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusal_run import Unexaminable
from crosstalk.auth.refusals import demanded
from crosstalk.live import Plan, trusting
from crosstalk.model.verdict import CheckVerdict, Verdict, worst
from crosstalk.profile import Profile
from crosstalk.targets.cause import Cause, HttpCall, Message
from crosstalk.targets.reading import reader


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
    carrier = authenticator.carrier.kind if isinstance(authenticator, Carried | Called) else ""
    if isinstance(authenticator, CookieLogin):
        carrier = "cookie"
    demands = demanded(profile.refusals, profile.must, carrier=carrier)
    site = Site(
        planned.url,
        _said(planned.cause),
        profile.subscribe,
        profile.origin,
        profile.patience,
        profile.leeway,
        timeout=profile.open_seconds,
        tls=trusting(profile),
        target=target,
        call=planned.cause if isinstance(planned.cause, HttpCall) else None,
        hello=profile.hello,
        read=reader(profile.read) if profile.read.text else None,
        subprotocols=profile.subprotocol,
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


def not_tried(planned: Plan) -> str:
    """Why a smoke run doesn't try who must not get in; empty where it does."""
    profile = planned.profile
    if profile.refusals == "none" and not profile.must:
        return "none is demanded"
    if isinstance(planned.log_in.authenticator, Unauthenticated):
        return "users have no credentials"
    if not isinstance(planned.cause, Message | HttpCall):
        return "a function starts runs, and it takes no credentials: crosstalk refusals URL --cause MESSAGE"
    return ""


def added(
    verdict: Verdict, planned: Plan, *, again: str = "", progress: Callable[[str, int, int], None] | None = None
) -> Verdict:
    """The `verdict` of a live run, and who gets into the same system. Raises ValueError."""
    if verdict.interrupted:
        return verdict
    reason = not_tried(planned)
    if reason:
        return changed(verdict, notes=(*verdict.notes, f"refusals were not tried: {reason}"))
    try:
        found = examine(planned, target=verdict.target, again=again, progress=progress)
        checks, controls, notes = found.checks, found.controls, found.notes
    except Unexaminable as error:
        checks, controls, notes = (CheckVerdict("authentication", "unknown", 0, (), str(error)),), (), ()
    except KeyboardInterrupt:
        checks, controls, notes = (CheckVerdict("authentication", "unknown", 0, (), "it was interrupted"),), (), ()
        verdict = changed(verdict, interrupted=True)
    checks = (*verdict.checks, *checks)
    return changed(
        verdict,
        verdict=worst(check.verdict for check in checks),
        checks=checks,
        controls=(*verdict.controls, *controls),
        notes=(*verdict.notes, *notes),
    )


def _said(cause: Cause) -> str:
    """What users say to be answered: on their connection, or as the body of a call."""
    match cause:
        case Message():
            return cause.template
        case HttpCall():
            return cause.body
    return ""


def _users(planned: Plan) -> tuple[str, ...]:
    """Two users that exist, where not anybody can log in under any name; else none."""
    profile = planned.profile
    anybody = isinstance(profile.users, int) and profile.user_name == Profile().user_name and not planned.log_in.users
    return () if anybody else planned.users[:2]


def again_with(url: str, profile: str, options: list[str]) -> str:
    """The command that tries the same again; secrets are never in it."""
    named = ["--profile", profile] if profile else []
    return shlex.join(["crosstalk", "refusals", *([url.partition("?")[0]] if url else []), *named, *options])
