"""The one examination that all tests of the smoke suite read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crosstalk.model.verdict import Verdict
    from crosstalk.profile import Profile

Promise = Callable[[str], None]


def _live() -> ModuleType:
    module: ModuleType = pytest.importorskip(
        "crosstalk.live", reason="needs pip install 'pytest-crosstalk[live]'", exc_type=ImportError
    )
    return module


def _profile(config: pytest.Config) -> Profile:
    """What the settings and their profile say. Raises ValueError."""
    from crosstalk.plugin import read_settings
    from crosstalk.profile import load, profile

    settings = read_settings(config)
    table = load(settings.profile, config.rootpath) if settings.profile else {}
    given: dict[str, object] = {"url": settings.broadcaster or None, "grammar": settings.grammar or None}
    if "duration" not in table:
        given["duration"] = settings.budget
    if settings.seed:
        given["seed"] = settings.seed
    if settings.broadcaster:
        given["allow_hosts"] = ()
    return profile(table, given, f"profile {settings.profile}")


@pytest.fixture(scope="session")
def live_verdict(request: pytest.FixtureRequest) -> Verdict:
    """The verdict on the live system: --broadcaster, or the profile's url, or the demonstration application."""
    live = _live()
    from crosstalk.live_examination import Unreachable
    from crosstalk.plugin import read_settings, record

    sentence = ""
    try:
        made = _profile(request.config)
        # of this very pytest run: its variables would also be those of a run around this one
        share = getattr(request.config, "workerinput", {})
        worker = str(share.get("workerid", ""))
        folder = Path(request.config.rootpath, read_settings(request.config).reports)
        folder.mkdir(parents=True, exist_ok=True)
        with live.demonstration(not made.url) as demo:
            planned = live.shard(live.plan(made, demo), worker, int(share.get("workercount", 1)))
            target = live.DEMO if demo is not None else ""
            journal = folder / f"live{'-' * bool(worker)}{worker}.jsonl"
            verdict: Verdict = live.examine(planned, journal=journal, target=target)
    except (Unreachable, ValueError) as error:
        sentence = str(error)
    if sentence:
        pytest.fail(f"crosstalk: {sentence}", pytrace=False)
    record(request.config, verdict)
    if verdict.interrupted:
        raise KeyboardInterrupt
    return verdict


@pytest.fixture
def refusals_verdict(request: pytest.FixtureRequest) -> Verdict:
    """The verdict on who gets into that system, by the profile's `refusals` and `must`."""
    live = _live()
    from crosstalk import live_refusals
    from crosstalk.auth.refusal_run import Unexaminable
    from crosstalk.plugin import record

    sentence = ""
    try:
        made = _profile(request.config)
        with live.demonstration(not made.url) as demo:
            target = live.DEMO if demo is not None else ""
            planned = live.plan(made, demo)
            reason = live_refusals.not_tried(planned)
            if reason:
                pytest.skip(f"refusals are not tried: {reason}")
            verdict = live_refusals.examine(planned, target=target)
    except (Unexaminable, ValueError) as error:
        sentence = str(error)
    if sentence:
        pytest.fail(f"crosstalk: {sentence}", pytrace=False)
    record(request.config, verdict)
    return verdict


@pytest.fixture
def promise(request: pytest.FixtureRequest, live_verdict: Verdict) -> Promise:
    """Fails the test unless the check named passes."""

    def kept(name: str) -> None:
        from crosstalk.plugin import allure_results
        from crosstalk.reporting.live_terminal import live_findings, live_judgement

        __tracebackhide__ = True
        check = next((check for check in live_verdict.checks if check.name == name), None)
        if check is None:
            pytest.skip(f"no limit for {name} is declared")
        if allure_results(request.config) is not None:
            from crosstalk.reporting import allure

            seconds = live_verdict.explored.seconds
            allure.describe((name,), live_verdict.target, "live", live_verdict.seed, seconds)
            allure.attach_check(check, live_verdict)
        if check.verdict == "fail":
            pytest.fail("\n".join(live_findings(live_verdict, name)), pytrace=False)
        if check.verdict == "unknown":
            pytest.fail("crosstalk cannot tell:\n" + "\n".join(live_judgement(live_verdict)), pytrace=False)
        if not check.opportunities:
            pytest.skip(check.reason)

    return kept
