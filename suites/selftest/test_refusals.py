"""Refusals against real servers: a good one is accused of nothing, and each hole is seen by exactly its refusal."""

import asyncio
import json

import pytest
from guarded_server import AUDIENCE, HOLES, ISSUER, Guard, guarded
from joserfc import jwk

from crosstalk.auth.carried import Carried
from crosstalk.auth.carriers import CARRIERS, Carrier
from crosstalk.auth.examination import examine_refusals
from crosstalk.auth.ground import Site
from crosstalk.auth.minted import Minted
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.refusals import NAMES, demanded

RSA = jwk.RSAKey.generate_key(2048)
EC = jwk.ECKey.generate_key("P-256")
SECRET = "a shared secret of some length, as it should be"
KEYS = {
    "RS256": (RSA, RSA.as_pem(private=False).decode()),
    "ES256": (EC, EC.as_pem(private=False).decode()),
    "HS256": (jwk.OctKey.import_key(SECRET), SECRET),
}
SUBSCRIBE = '{"type":"subscribe","channel":"user:{user}"}'
PATIENCE = 0.5


async def examine(preset="default", changes=None, carrier="header", site=None, **guard):
    """The verdict on a guarded server, the attempts, and the secrets that were in play."""
    algorithm = guard.get("algorithm", "RS256")
    private, public = KEYS[algorithm]
    redactor = Redactor()
    known = []
    learn = redactor.learn

    def learning(*secrets):
        known.extend(secrets)
        learn(*secrets)

    redactor.learn = learning
    async with guarded(Guard(public, carrier=carrier, **guard)) as url:
        minted = Minted(private, algorithm, {"aud": AUDIENCE, "iss": ISSUER})
        options = {"subscribe": SUBSCRIBE, "patience": PATIENCE, "leeway": 0.3, "life": 2} | (site or {})
        verdict, attempts = await examine_refusals(
            Site(url, **options),
            Carried(minted, Carrier.parse(carrier)),
            demanded(preset, changes, carrier=carrier),
            redactor=redactor,
            at_once=20,
        )
    return verdict, attempts, known


def examined(*given, **more):
    return asyncio.run(examine(*given, **more))


def all_examined(cases):
    """Several servers at the same time, some at a time: an examination mostly waits."""

    async def play():
        places = asyncio.Semaphore(12)

        async def one(case):
            async with places:
                return await examine(**case)

        return await asyncio.gather(*map(one, cases.values()))

    return dict(zip(cases, asyncio.run(play()), strict=True))


def accused(verdict):
    [check] = verdict.checks
    return {violation.cause.partition(":")[0] for violation in check.violations}


GOOD = [("RS256", "upgrade"), ("RS256", "close"), ("ES256", "close"), ("HS256", "upgrade")]
BEHIND = [
    (hole, carrier)
    for hole in ("accepts expired", "guests without token", "trusts user_id in query")
    for carrier in ("message", "cookie")
] + [("ignores Origin", "cookie")]  # which the preset demands of cookies by itself


@pytest.fixture(scope="module")
def found():
    """Every server of this module, examined at the same time."""
    return all_examined(
        {case: {"preset": "strict", "algorithm": case[0], "style": case[1]} for case in GOOD}
        | {carrier: {"carrier": carrier, "style": "close"} for carrier in CARRIERS}
        | {hole: {"hole": hole, "changes": {"foreign site": "refused"}} for hole in HOLES}
        | {case: {"hole": case[0], "carrier": case[1], "style": "close"} for case in BEHIND}
    )


@pytest.mark.parametrize("case", GOOD, ids=" ".join)
def test_a_server_that_refuses_everything_is_accused_of_nothing(case, found):
    verdict, attempts, _ = found[case]
    assert verdict.verdict == "pass", (verdict.notes, verdict.checks)
    tried = {attempt.refusal for attempt in attempts.attempts}
    missing = {"revoked", "revoked meanwhile"} | ({"public key as secret"} if case[0] == "HS256" else set())
    assert set(attempts.skipped) == missing
    assert tried == set(NAMES) - missing
    assert verdict.checks[0].opportunities == len(attempts.attempts)
    assert all(control.caught for control in verdict.controls)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_however_the_token_travels(carrier, found):
    verdict, attempts, _ = found[carrier]
    assert verdict.verdict == "pass", (verdict.notes, verdict.checks)
    assert len(attempts.attempts) >= 17


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_is_seen_by_exactly_its_refusal(hole, found):
    verdict, _, _ = found[hole]
    assert verdict.verdict == "fail"
    assert accused(verdict) == HOLES[hole], verdict.checks


@pytest.mark.parametrize("case", BEHIND, ids=" ".join)
def test_holes_behind_other_carriers(case, found):
    verdict, _, _ = found[case]
    assert accused(verdict) == HOLES[case[0]], verdict.checks


def test_a_connection_that_outlasts_its_token():
    only = dict.fromkeys(NAMES, "allowed") | {"expired meanwhile": "refused"}
    cases = {forgets: {"preset": "none", "changes": only, "forgets_expiry": forgets} for forgets in (True, False)}
    found = all_examined(cases)
    verdict, attempts, _ = found[True]
    assert accused(verdict) == {"expired meanwhile"}
    [violation] = verdict.checks[0].violations
    assert "was let in with a token that expired while it was connected" in violation.message
    assert "lives 2 s" in violation.timeline
    verdict, attempts, _ = found[False]
    assert verdict.verdict == "pass"
    assert attempts.attempts[0].answer.code == 1008


def test_what_must_happen_is_declared_by_name():
    wrong = {"garbage": "1008", "expired": "upgrade"}
    found = all_examined(
        {style: {"preset": "none", "changes": wrong, "style": style} for style in ("upgrade", "close")}
    )
    verdict, _, _ = found["upgrade"]
    assert {violation.cause for violation in verdict.checks[0].violations} == {"garbage: wrong way"}
    verdict, _, _ = found["close"]
    assert {violation.cause for violation in verdict.checks[0].violations} == {"expired: wrong way"}


def test_evidence_shows_the_exact_request_and_no_secret():
    verdict, attempts, known = examined("default", hole="accepts expired")
    [violation] = verdict.checks[0].violations
    lines = [line.strip() for line in violation.timeline.splitlines()]
    assert lines[0].startswith("GET /ws/crosstalk-refusal-") and "Authorization: Bearer [redacted]" in lines
    assert '"exp": ' in violation.timeline and "a signature of 256 bytes" in violation.timeline
    assert "then sends {" in violation.timeline
    asked = violation.exchange
    assert [line.strip() for line in asked.request] == lines[: len(asked.request)]
    assert asked.says in violation.message and asked.must.startswith("not let in") and asked.answer.startswith("open")
    whole = repr((verdict, attempts)) + json.dumps([str(attempt) for attempt in attempts.attempts])
    assert len(set(known)) > 30
    assert not any(secret in whole for secret in known)
    assert not any(secret.rpartition(".")[2] in whole for secret in known if len(secret.rpartition(".")[2]) > 20)


def test_two_users_that_exist_take_turns():
    async def play():
        async with guarded(Guard(KEYS["RS256"][1])) as url:
            minted = Minted(RSA, "RS256", {"aud": AUDIENCE, "iss": ISSUER})
            return await examine_refusals(
                Site(url, patience=PATIENCE),
                Carried(minted),
                demanded("none", {"garbage": "refused", "other's id in path": "refused", "no token": "refused"}),
                redactor=Redactor(),
                users=["alice", "bob"],
            )

    verdict, attempts = asyncio.run(play())
    assert verdict.verdict == "pass"
    assert {attempt.user for attempt in attempts.attempts} == {"alice"}
    assert [attempt.owner for attempt in attempts.attempts] == ["", "", "bob"]
