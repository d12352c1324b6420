"""The watchdog tells a thread that is kept from one that the machine, or the harness itself, has kept waiting."""

import gc
import itertools
import os
import subprocess
import sys
import time

import pytest

from crosstalk import examination
from crosstalk.examination import control_program, open_target
from crosstalk.reference.hub import Hub
from crosstalk.scenarios import stage
from crosstalk.scenarios.runner import run_world
from crosstalk.schedule import watchdog as watching
from crosstalk.schedule.watchdog import ThreadBlocked, unwatched, watchdog

LIMIT = 0.6


def spin(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.mark.parametrize("block", [lambda: spin(60), lambda: time.sleep(60)], ids=["spinning", "asleep"])
def test_code_that_keeps_the_thread_is_stopped(block):
    with pytest.raises(ThreadBlocked), watchdog(LIMIT):
        block()


def test_swallowing_it_does_not_help():
    stopped = 0
    with pytest.raises(ThreadBlocked), watchdog(LIMIT):
        try:
            spin(60)
        except ThreadBlocked:
            stopped += 1
            spin(60)
    assert stopped == 1


def test_the_harness_s_own_work_is_not_counted():
    with watchdog(LIMIT):
        for _ in range(2):
            with unwatched():
                spin(LIMIT)


def test_after_the_harness_s_own_work_the_thread_is_watched_as_before():
    with pytest.raises(ThreadBlocked), watchdog(LIMIT):
        with unwatched():
            spin(2 * LIMIT)
        spin(60)


def test_the_harness_s_own_work_has_an_end_too():
    """A finaliser that never returns runs within the harness's own garbage collection."""
    with pytest.raises(ThreadBlocked), watchdog(LIMIT / 4), unwatched():
        spin(60)


def test_code_that_awaits_now_and_then_may_take_its_time():
    pulse = itertools.count()
    with watchdog(LIMIT / 2, lambda: next(pulse)):
        spin(LIMIT)


def test_what_awaits_and_never_ends_has_an_end():
    pulse = itertools.count()
    with pytest.raises(ThreadBlocked, match="kept the thread busy"), watchdog(LIMIT / 10, lambda: next(pulse)):
        spin(60)


class Quick:
    def __init__(self):
        self.sockets = {}

    async def connect(self, user_id, websocket):
        self.sockets[user_id] = websocket

    async def disconnect(self, user_id, websocket):
        self.sockets.pop(user_id, None)

    async def publish(self, user_id, event):
        if user_id in self.sockets:
            await self.sockets[user_id].send_json(event)


def test_collections_in_a_process_full_of_objects_are_no_fault_of_the_broadcaster(monkeypatch):
    """As in a test session that has loaded FastAPI applications: 26 collections that take 0.06 s each."""
    collections = []

    def heavy(phase, info):
        if phase == "start" and info["generation"] == 2:
            collections.append(info)
            spin(LIMIT / 10)

    def scenario(stage):
        for _ in range(6):
            stage.collect()
            stage.census()

    monkeypatch.setattr(stage, "WALL", LIMIT)
    examination = open_target(f"{__file__}:Quick")
    gc.callbacks.append(heavy)
    try:
        history = stage.perform(scenario, ("alice",), examination.factory, examination.adapter)
    finally:
        gc.callbacks.remove(heavy)
    assert len(collections) >= 12
    assert history.complete and not history.crashes


BUSY = "while True: pass"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes can't be tied to one processor here")
def test_a_busy_machine_is_no_fault_of_the_broadcaster():
    """With four others on its processor the thread needs well over the limit for less than half of it."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(4)]
    try:
        began = time.monotonic()
        with watchdog(LIMIT):
            spin(LIMIT / 2)
        assert time.monotonic() - began > LIMIT
    finally:
        for other in others:
            other.kill()
            other.wait()
        os.sched_setaffinity(0, processors)


class Starved:
    """The clock of a thread that has a hundredth of the time."""

    def __init__(self):
        self.now = 0.0

    def bark_for(self, seconds):
        for _ in range(seconds):
            self.now += 1.0
            watching._bark(0, None)


@pytest.mark.parametrize("sleeps", [False, True])
def test_a_thread_that_is_given_hardly_any_time_is_told_from_one_that_sleeps(monkeypatch, sleeps):
    clock = Starved()
    monkeypatch.setattr(watching, "_WALL", lambda: clock.now)
    monkeypatch.setattr(watching, "_PROCESSOR", lambda: clock.now / 100)
    monkeypatch.setattr(watching, "_given_up", lambda: int(clock.now) if sleeps else 7)
    monkeypatch.setattr(watching, "_watch", watching._Watch(3.0, int))
    if sleeps:
        clock.bark_for(2)
        with pytest.raises(ThreadBlocked):
            clock.bark_for(2)
    else:
        clock.bark_for(200)
        with pytest.raises(ThreadBlocked):
            clock.bark_for(15)


def test_the_clock_of_the_harness_is_not_the_runs():
    """The embedded broadcaster lives in the harness's own package, whose clocks must stay real while it plays."""
    open_target("crosstalk.reference.hub:Hub")
    clocks = []

    class Looking(Hub):
        def __init__(self):
            super().__init__()
            clocks.append((time.monotonic(), watching._WALL()))

    real = time.monotonic()
    examination = open_target(Looking)
    clocks.clear()
    examination.play(control_program())
    ((of_the_run, of_the_harness),) = clocks
    assert real <= of_the_harness <= time.monotonic()
    assert of_the_run == 1_000.0


class Blocking(Quick):
    """What the watchdog does to a broadcaster that blocks, without the seconds."""

    async def publish(self, user_id, event):
        raise ThreadBlocked("kept the thread for 3 s without awaiting")


def test_a_broadcaster_that_blocks_is_played_no_oftener_than_the_evidence_needs(monkeypatch):
    """Each such run takes three seconds: calibration, a control, exploration, confirmation, and what is shown."""
    blocked = []

    def counted(*arguments, **options):
        world = run_world(*arguments, **options)
        blocked.append(world.history.blocked)
        return world

    monkeypatch.setattr(examination, "run_world", counted)
    verdict = examination.examine(open_target(f"{__file__}:Blocking"), seconds=5)
    (crash,) = [check for check in verdict.checks if check.name == "crash"]
    (violation,) = crash.violations
    assert violation.cause == "kept the thread" and violation.exhibit is not None
    assert blocked.count(True) == 5
