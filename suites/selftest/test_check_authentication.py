"""The check `authentication` on histories made by hand: those that break it, and those that nearly do."""

import pytest

from crosstalk.auth.examination import judged
from crosstalk.checks.authentication import check, decided, undecided
from crosstalk.controls.let_in import caught, let_everybody_in
from crosstalk.model.attempt import DENIAL, MUST, Answer, Attempt, Attempts, Heard

PROOF = ("{type=agent_started}", "{type=hello}")
SERVED = Answer("open", frames=("{type=ping}", *PROOF), seconds=1.0)
DENIED = Answer("refused", status=401)


def attempt(answer, *, must="refused", allowed=SERVED, proof=PROOF, echoes=(), owner=""):
    return Attempt(
        "expired", "an expired token", must, "alice", "GET / HTTP/1.1", allowed, answer, proof, echoes, owner
    )


def outcome(answer, **given):
    return decided(attempt(answer, **given))[0]


def closed(code, frames=()):
    return Answer("closed", code=code, frames=frames)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (SERVED, "let in"),
        (Answer("open", frames=PROOF), "let in"),
        (DENIED, "kept out"),
        (Answer("refused", status=404), "kept out"),
        (Answer("refused", status=302), "kept out"),
        (Answer("refused", status=500), "kept out"),
        (closed(1008), "kept out"),
        (closed(4401), "kept out"),
        (closed(1006), "kept out"),
        (closed(1011), "kept out"),
        # greeted, and closed once the token had been looked at
        (closed(1008, PROOF), "kept out"),
        # still open, but given less than good users are: nothing can be told
        (Answer("open", frames=PROOF[:1]), None),
        (Answer("open", frames=("{type=error}",)), None),
        (Answer("open"), None),
        # a server in trouble has refused nobody
        (Answer("refused", status=429), None),
        (Answer("refused", status=503), None),
        (closed(1012), None),
        (closed(1013), None),
        (Answer("no answer"), None),
        (Answer("unreachable"), None),
    ],
)
def test_who_is_let_in(answer, expected):
    assert outcome(answer) == expected


@pytest.mark.parametrize(
    "allowed",
    [DENIED, closed(1000, PROOF), Answer("no answer"), Answer("open"), Answer("open", frames=PROOF[1:])],
)
@pytest.mark.parametrize("answer", [SERVED, DENIED, closed(1008)])
def test_allow_before_deny(allowed, answer):
    assert outcome(answer, allowed=allowed) is None


@pytest.mark.parametrize("answer", [Answer("open"), DENIED, SERVED])
def test_a_server_that_tells_good_users_nothing_shows_nothing(answer):
    assert outcome(answer, allowed=Answer("open"), proof=()) is None
    assert "give a message" in decided(attempt(answer, allowed=Answer("open"), proof=()))[1]


WAYS = {
    "a 401": DENIED,
    "a 404": Answer("refused", status=404),
    "a 500": Answer("refused", status=500),
    "a redirect": Answer("refused", status=302),
    "1008": closed(1008),
    "4403": closed(4403),
    "3000": closed(3000),
    "1000": closed(1000),
    "1006": closed(1006),
    "1011": closed(1011),
    "left unserved": Answer("open"),
}


@pytest.mark.parametrize(
    ("must", "right"),
    [
        ("refused", set(WAYS) - {"left unserved"}),
        ("properly", {"a 401", "a 404", "1008", "4403", "3000"}),
        ("upgrade", {"a 401", "a 404"}),
        ("1008", {"1008"}),
        ("unserved", set(WAYS)),
    ],
)
def test_in_the_way_that_was_declared(must, right):
    outcomes = {way: outcome(answer, must=must) for way, answer in WAYS.items()}
    assert {way for way, found in outcomes.items() if found == "kept out"} == right
    expected = {None, "kept out"} if must in ("refused", "unserved") else {None, "kept out", "wrong way"}
    assert set(outcomes.values()) <= expected
    assert outcome(SERVED, must=must) == "let in"


def heard(*pairs, kind="open"):
    return Answer(kind, heard=tuple(Heard(*pair) for pair in pairs), frames=PROOF)


OWNER_HEARD = heard(("bob", "bob"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (heard(("alice", "bob")), "leaked"),
        (heard(("alice", "alice"), ("alice", "bob")), "leaked"),
        (heard(("bob", "alice")), "leaked"),  # what alice said reached bob
        (heard(("alice", "bob"), kind="closed"), "leaked"),
        (heard(("alice", "alice")), "kept out"),  # served as itself: the trick was ignored
        (heard(), "kept out"),
        (DENIED, "kept out"),
    ],
)
def test_nobody_hears_or_speaks_as_somebody_else(answer, expected):
    assert outcome(answer, owner="bob", allowed=OWNER_HEARD) == expected


def test_an_owner_that_hears_nothing_itself_proves_nothing():
    for allowed in (heard(), heard(("bob", "alice")), heard(("alice", "alice")), DENIED):
        assert outcome(heard(), owner="bob", allowed=allowed) is None
    # but a leak is a leak
    assert outcome(heard(("alice", "bob")), owner="bob", allowed=heard()) == "leaked"


def test_an_answer_in_the_right_frames_that_says_no_lets_nobody_in():
    assert outcome(Answer("open", frames=(*PROOF, DENIAL))) is None
    assert outcome(Answer("open", frames=(*PROOF, DENIAL)), must="unserved") == "kept out"
    # a server whose good users are told such things too
    chatty = Answer("open", frames=(*PROOF, DENIAL))
    assert outcome(chatty, allowed=chatty) == "let in"


def test_where_good_users_get_their_words_back_so_must_who_is_let_in():
    started, completed = PROOF[0], "{type=agent_completed}"
    echoing = Answer("open", frames=(*PROOF, completed), echoed=(started, completed))
    given = {"allowed": echoing, "echoes": (started, completed)}
    # one of the frames is enough: runs differ
    assert outcome(Answer("open", frames=(started,), echoed=(started,)), **given) == "let in"
    assert outcome(Answer("open", frames=(*PROOF, completed)), **given) is None
    assert outcome(Answer("open", frames=PROOF, echoed=("{type=error}",)), **given) is None
    assert outcome(Answer("open", frames=(DENIAL, started), echoed=(started,)), **given) is None
    # and a control that was answered in another way than before was served all the same
    other = Answer("open", frames=(completed,), echoed=(completed,))
    assert outcome(DENIED, allowed=other, echoes=(started, completed)) == "kept out"
    assert outcome(DENIED, allowed=Answer("open", frames=PROOF), echoes=(started,)) is None


def test_opportunities_violations_and_what_stays_open_are_counted():
    history = Attempts(
        "ws://server/",
        (
            attempt(DENIED),
            attempt(SERVED),
            attempt(Answer("open")),
            attempt(closed(1000), must="properly"),
            attempt(heard(("alice", "bob")), owner="bob", allowed=OWNER_HEARD),
        ),
    )
    result = check(history)
    assert result.opportunities == 4
    assert [violation.cause for violation in result.violations] == [
        "expired: let in",
        "expired: wrong way",
        "expired: leaked",
    ]
    assert [violation.users for violation in result.violations] == [("alice",), ("alice",), ("bob", "alice")]
    assert result.violations[0].message == "'alice' was let in with an expired token, and served like a good user"
    assert result.violations[1].message == (
        f"'alice' with an expired token was closed with 1000, but it must be {MUST['properly']}"
    )
    assert result.violations[2].message == "'alice' was sent what belongs to 'bob': an expired token"
    assert set(undecided(history)) == {"expired"}


def test_every_attempt_is_caught_when_it_is_sabotaged():
    history = Attempts(
        "ws://server/", (attempt(DENIED), attempt(heard(), owner="bob", allowed=OWNER_HEARD), attempt(Answer("open")))
    )
    assert not check(history).violations
    assert [violation.cause for violation in check(let_everybody_in(history)).violations] == [
        "expired: let in",
        "expired: leaked",
        "expired: let in",
    ]
    assert caught(history)


def test_a_check_that_can_see_nothing_is_not_called_seeing():
    assert not caught(Attempts("ws://server/", ()))
    assert not caught(Attempts("ws://server/", (attempt(Answer("no answer")),)))


def verdict(*attempts):
    check_verdict, _ = judged(Attempts("ws://server/", attempts))
    return check_verdict.verdict, check_verdict.reason


def test_the_worst_wins_and_nothing_undecided_passes():
    assert verdict(attempt(DENIED)) == ("pass", "")
    assert verdict(attempt(DENIED), attempt(SERVED), attempt(Answer("open")))[0] == "fail"
    outcome, reason = verdict(attempt(DENIED), attempt(Answer("no answer", reason="no handshake within 10 s")))
    assert outcome == "unknown"
    assert reason == "undecided: expired (the server was in trouble: no answer: no handshake within 10 s)"
    assert verdict() == ("unknown", "it had no opportunity")


def test_one_defect_is_listed_once():
    check_verdict, _ = judged(Attempts("ws://server/", (attempt(SERVED), attempt(SERVED))))
    assert len(check_verdict.violations) == 1
    assert check_verdict.violations[0].timeline == (
        "   GET / HTTP/1.1\n   -> open after 1.0 s and answered with frames of 3 kinds\n"
        "   good credentials, just before: open after 1.0 s and answered with frames of 3 kinds"
    )
