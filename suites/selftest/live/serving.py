"""Servers for the tests, on loopback: in a thread with a loop of its own, or many beside their examinations in one."""

import asyncio
import contextlib
import logging
import threading

from crosstalk.auth.configured import configured
from crosstalk.auth.redaction import Redactor
from crosstalk.live import Plan, examine, plan, settings
from crosstalk.live_examination import examine_live
from crosstalk.profile import Profile

SECRET = "a secret for the tests, and long enough for HS256"
logging.getLogger("websockets").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def serving(serve):
    """Run `serve()`, an async context manager that gives an address, until the context is left."""
    ready = threading.Event()
    found = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main():
        try:
            async with serve() as address:
                found.append(address)
                ready.set()
                await stop.wait()
        finally:
            ready.set()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert ready.wait(10)
        assert found, "the server did not start"
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()
        loop.close()


def planned(url, carrier="header", **changes):
    """A plan for users with tokens of SECRET."""
    given = {"users": 6, "duration": 3.0, "run_seconds": 5.0, **changes}
    made = plan(Profile(url=url, **given))
    log_in = configured(f"jwt carrier={carrier}", environ={"CROSSTALK_JWT_SECRET": SECRET})
    return Plan(made.profile, made.url, made.users, log_in, made.cause, made.grammar)


def judged(url, journal=None, **changes):
    """The verdict on the server at `url`."""
    return examine(planned(url, **changes), journal=journal)


def all_judged(cases):
    """The verdicts on many servers, examined at the same time; `cases` are name -> (`serve`, changes)."""

    async def one(serve, changes):
        async with serve() as url:
            prepared = planned(url, **changes)
            return await examine_live(settings(prepared), Redactor(prepared.log_in.secrets))

    async def every():
        return await asyncio.gather(*(one(serve, changes) for serve, changes in cases.values()))

    return dict(zip(cases, asyncio.run(every()), strict=True))


def check(verdict, name):
    return next(check for check in verdict.checks if check.name == name)


def failed(verdict):
    """The names of the checks that failed."""
    return {check.name for check in verdict.checks if check.verdict == "fail"}
