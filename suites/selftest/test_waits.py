"""How long users waited, in little room: buckets, and the heat map of users and time."""

import pytest

from crosstalk.model.live_figures import FAILURES, Limit, LiveFigures, Percentiles, added
from crosstalk.model.times import Times
from crosstalk.model.waits import BOUNDS, SLICES, USERS, Heat, HeatMap, bucketed, overlaid


def test_a_wait_falls_into_the_first_bucket_that_holds_it():
    assert bucketed([(0.010, 2), (0.0101, 1), (0.0125, 1), (99_999.0, 1)]) == ((0.01, 2), (0.0125, 2), (BOUNDS[-1], 1))
    assert bucketed([]) == ()


def test_measured_times_give_their_buckets_and_no_more_of_them_than_there_are_bounds():
    times = Times()
    for number in range(20_000):
        times.record(0.0001 * 1.001**number if number < 15_000 else 0.004)
    buckets = times.percentiles().buckets
    assert sum(count for _, count in buckets) == 20_000
    assert dict(buckets)[0.004] >= 5_000
    assert len(buckets) <= len(BOUNDS) < 100


def test_a_cell_is_the_longest_wait_of_a_user_in_a_slice():
    heat = Heat(("alice", "bob"))
    for user, at, seconds in ((0, 0.2, 0.01), (0, 0.9, 0.03), (0, 2.0, 0.02), (1, 1.5, 0.5)):
        heat.record(user, at, seconds)
    assert heat.map() == HeatMap(1, ("bob", "alice"), ((None, 0.5, None), (0.03, None, 0.02)))


def test_slices_double_when_a_run_is_long():
    heat = Heat(("alice",))
    for second in range(1_000):
        heat.record(0, second, 1.0 + second)
    found = heat.map()
    assert found.width == 32 and len(found.rows[0]) == 32 <= SLICES
    assert found.rows[0][0] == 1.0 + 31  # of the first 32 seconds
    assert found.rows[0][-1] == 1_000.0


def test_of_many_users_those_who_waited_longest_are_kept():
    heat = Heat(tuple(f"user{number}" for number in range(300)))
    for number in range(300):
        heat.record(number, 0.0, 0.001 * (number + 1))
    found = heat.map()
    assert len(found.users) == USERS and found.users[0] == "user299" and found.left_out == 300 - USERS
    assert Heat(()).map() is None


def test_shards_are_laid_over_each_other_in_the_widest_slices():
    one = HeatMap(1, ("alice",), ((0.1, None, 0.3, 0.2),))
    other = HeatMap(2, ("bob", "alice"), ((0.5,), (None, 0.4)), left_out=3)
    assert overlaid([one, other]) == HeatMap(2, ("bob", "alice"), ((0.5, None), (0.1, 0.4)), 3)
    assert overlaid([]) is None


def test_shards_of_a_live_run_add_up():
    def figures(buckets, heat):
        return LiveFigures(2, 1, 4, 2, 10, latency=Percentiles(3, 0.1, 0.2, 0.3, 0.4, buckets), heat=heat)

    total = added(
        [
            figures(((0.1, 2), (0.2, 1)), HeatMap(1, ("alice",), ((0.2,),))),
            figures(((0.2, 2), (0.4, 1)), HeatMap(1, ("bob",), ((0.4,),))),
        ]
    )
    assert total.latency.count == 6
    assert total.latency.buckets == ((0.1, 2), (0.2, 3), (0.4, 1))
    assert total.heat == HeatMap(1, ("bob", "alice"), ((0.4,), (0.2,)))
    assert added([LiveFigures(1, 1, 1, 1, 1)]).heat is None


def test_failures_and_limits_of_shards_add_up():
    one = LiveFigures(2, 1, 4, 2, 10, failed=(("alice", 2.0),), limits={"latency": Limit(0.1, 3)})
    other = LiveFigures(2, 1, 4, 2, 10, failed=(("bob", 1.0),) * FAILURES, limits={"latency": Limit(0.1, 4)})
    total = added([one, other, LiveFigures(1, 1, 1, 1, 1)])
    assert total.limits == {"latency": Limit(0.1, 7)}
    assert total.failed == (("bob", 1.0),) * FAILURES
    assert added([one, one]).failed == (("alice", 2.0),) * 2


def test_what_is_beyond_a_limit_is_counted():
    times = Times()
    for milliseconds in (1, 2, 3, 99, 100, 101, 5_000):
        times.record(milliseconds / 1_000)
    assert [times.beyond(limit) for limit in (0.0, 0.1, 0.2, 9.0)] == [7, 2, 1, 0]
    assert Times().beyond(0.1) == 0


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_is_in_its_own_bucket(bound):
    assert bucketed([(bound, 1)]) == ((bound, 1),)
