"""Log-ins keep within their rate, and one that fails is handed back beside those that worked."""

import asyncio

import pytest

from crosstalk import virtual_loop
from crosstalk.auth.base import AuthenticationFailed, Credential
from crosstalk.auth.rate import Rate, Rated, login_all


class Counting:
    """Takes a second to log a user in; keeps when each began and how many were under way."""

    def __init__(self, refused=()):
        self.refused, self.began, self.under_way, self.most = refused, [], 0, 0

    async def login(self, user_id):
        self.began.append(asyncio.get_running_loop().time())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(1)
        self.under_way -= 1
        if user_id in self.refused:
            raise AuthenticationFailed(f"{user_id} is locked")
        return Credential(user_id)

    async def refresh(self, credential):
        return await self.login(credential.user_id)

    async def close(self):
        pass


def on_virtual_time(coroutine):
    with asyncio.Runner(loop_factory=virtual_loop) as runner:
        return runner.run(coroutine)


def rate(per_second, burst):
    return Rate(per_second, burst, clock=lambda: asyncio.get_running_loop().time())


@pytest.mark.parametrize(("per_second", "burst"), [(2, 1), (10, 5), (100, 1), (0.5, 3)])
def test_never_more_than_burst_and_rate_allow(per_second, burst):
    counting = Counting()
    users = [f"user {number}" for number in range(30)]

    async def play():
        began = asyncio.get_running_loop().time()
        done = await login_all(counting, users, rate(per_second, burst), at_once=1000)
        assert list(done.credentials) == users and not done.failures
        return began

    on_virtual_time(play())
    began = sorted(counting.began)
    for first in range(len(began)):
        for last in range(first, len(began)):
            allowed = burst + per_second * (began[last] - began[first]) + 1e-6
            assert last - first + 1 <= allowed
    # and it is not slower than it must be
    assert began[-1] - began[0] == pytest.approx((len(users) - burst) / per_second, abs=1e-6)


def test_after_a_pause_only_the_burst_is_free():
    async def play():
        bucket, loop = rate(1, 2), asyncio.get_running_loop()
        await asyncio.sleep(1000)
        began = loop.time()
        for _ in range(4):
            await bucket.permit()
        return loop.time() - began

    assert on_virtual_time(play()) == pytest.approx(2)


def test_no_limit_and_at_once():
    counting = Counting()
    on_virtual_time(login_all(counting, [str(number) for number in range(30)], at_once=7))
    assert counting.most == 7


def test_who_fails_is_said_and_holds_up_nobody():
    done = on_virtual_time(login_all(Counting(refused=("bob",)), ["alice", "bob", "carol", "alice"]))
    assert list(done.credentials) == ["alice", "carol"]
    assert done.failures == {"bob": "bob is locked"}


def test_a_defect_is_no_failed_log_in():
    class Broken(Counting):
        async def login(self, user_id):
            raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        on_virtual_time(login_all(Broken(), ["alice"]))
    assert raised.group_contains(ZeroDivisionError)


def test_refreshes_keep_within_the_rate_too():
    async def play():
        rated = Rated(Counting(), rate(1, 1))
        credential = await rated.login("alice")
        began = asyncio.get_running_loop().time()
        await rated.refresh(credential)
        await rated.refresh(credential)
        return asyncio.get_running_loop().time() - began

    assert on_virtual_time(play()) >= 2


@pytest.mark.parametrize(("per_second", "burst"), [(-1, 1), (1, 0)])
def test_what_is_no_rate(per_second, burst):
    with pytest.raises(ValueError, match="a rate is 0 or more"):
        Rate(per_second, burst)
