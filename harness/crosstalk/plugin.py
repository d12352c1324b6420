"""The pytest plugin: options, the fixtures `broadcaster` and `crosstalk`, header, summary, verdict.json.

Thin, and light to load: the engine is imported when a test first asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from crosstalk.settings import DEFAULT_TARGET, SETTINGS, Setting, Settings, read

if TYPE_CHECKING:
    from crosstalk.examination import Examination
    from crosstalk.model.history import History
    from crosstalk.model.verdict import Verdict
    from crosstalk.scenarios.program import Program
    from crosstalk.schedule.loop import Strategy

_SETTINGS = pytest.StashKey[Settings]()
_EVIDENCE = pytest.StashKey[list[bytes]]()
_BESIDE = pytest.StashKey[dict[str, str]]()
_COUNT = pytest.StashKey[int]()
_OPENED = pytest.StashKey[dict[Any, Any]]()


class Hooks:
    """Hooks that the plugin adds to pytest."""

    @pytest.hookspec(firstresult=True)
    def pytest_crosstalk_broadcaster(self, config: pytest.Config) -> Any:
        """Return the broadcaster to judge: SPEC, a class, or a (sync or async) factory."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crosstalk", "crosstalk: judge a WebSocket broadcaster")
    for setting in SETTINGS:
        options: dict[str, Any] = {"dest": f"crosstalk_{setting.name}", "default": None, "help": setting.help}
        if setting.kind == "flag":
            options["action"] = "store_true"
        elif setting.kind in ("list", "lines"):
            options.update(action="append", metavar="NAME=VALUE" if setting.kind == "list" else "TEXT")
        else:
            options["metavar"] = {"seconds": "SECONDS", "whole": "N"}.get(setting.kind, "TEXT")
        group.addoption(setting.option, **options)
        parser.addini(
            f"crosstalk_{setting.name}",
            setting.help,
            type=cast(Any, "linelist" if setting.kind in ("list", "lines") else "string"),
            default=[] if setting.kind in ("list", "lines") else "",
        )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "crosstalk: judges a broadcaster by exploring its interleavings.")

    def option(setting: Setting) -> Any:
        return config.getoption(f"crosstalk_{setting.name}", None)

    def ini(setting: Setting) -> Any:
        return config.getini(f"crosstalk_{setting.name}")

    try:
        settings = config.stash[_SETTINGS] = read(option, os.environ.get, ini)
        if settings.guarantee or settings.grammar:
            from crosstalk.model.guarantees import Guarantees

            Guarantees.parse(settings.guarantee, settings.strict, settings.grammar)
    except ValueError as error:
        raise pytest.UsageError(f"crosstalk: {error}") from None
    config.stash[_EVIDENCE] = []
    config.stash[_BESIDE] = {}
    config.stash[_OPENED] = {}
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Controller(config), "crosstalk-controller")


def pytest_report_header(config: pytest.Config) -> str | None:
    settings = config.stash[_SETTINGS]
    if not settings.broadcaster:
        return None
    return f"crosstalk: {settings.broadcaster}, {settings.budget:g} s of exploration, seed {settings.seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[_COUNT] = sum("crosstalk" in getattr(item, "fixturenames", ()) for item in items)


def read_settings(config: pytest.Config) -> Settings:
    """The settings of this pytest run."""
    return config.stash[_SETTINGS]


def named_broadcaster(config: pytest.Config) -> str:
    """The SPEC that was named by option, environment or ini key; else nothing."""
    return config.stash[_SETTINGS].broadcaster


def record(config: pytest.Config, verdict: Verdict) -> None:
    """Take a verdict into the evidence of this pytest run."""
    import msgspec

    config.stash[_EVIDENCE].append(msgspec.json.encode(verdict))


def conclude(config: pytest.Config, name: str, target: str, result: Any, said: str) -> None:
    """Take in what `name` (compare, equivalent, cutover, soak) came to, and fail the test unless that is a pass."""
    import msgspec

    __tracebackhide__ = True
    config.stash[_BESIDE][name] = msgspec.json.encode(result).decode()
    if allure_results(config) is not None:
        from crosstalk.reporting import allure

        allure.attach_result(name, target, said, result)
    if result.verdict != "pass":
        pytest.fail(said, pytrace=False)


@pytest.fixture(scope="session")
def broadcaster(request: pytest.FixtureRequest) -> Any:
    """The broadcaster under test: SPEC, a class, a factory or an object. Override it, or name one by an option."""
    config = request.config
    named = config.stash[_SETTINGS].broadcaster
    return named or config.hook.pytest_crosstalk_broadcaster(config=config) or DEFAULT_TARGET


@pytest.fixture
def crosstalk(request: pytest.FixtureRequest, broadcaster: Any) -> Crosstalk:
    """Explores the broadcaster under test: `explore` asserts, `play` hands back a history."""
    return Crosstalk(request.config, broadcaster, request.node)


class Crosstalk:
    """One broadcaster under examination, for use in a test."""

    def __init__(self, config: pytest.Config, broadcaster: Any, item: pytest.Item | None = None) -> None:
        self._config = config
        self._item = item
        self._settings = config.stash[_SETTINGS]
        self.examination: Examination = self._opened(broadcaster)

    def _opened(self, broadcaster: Any) -> Examination:
        opened = self._config.stash[_OPENED]
        try:
            known = opened.get(broadcaster)
        except TypeError:  # not hashable
            return self._checked(self._open(broadcaster))
        if known is None:
            known = opened[broadcaster] = self._open(broadcaster)
        return self._checked(known)

    @staticmethod
    def _checked(known: Examination | str) -> Examination:
        if isinstance(known, str):
            pytest.fail(known, pytrace=False)
        return known

    def _open(self, broadcaster: Any) -> Examination | str:
        from crosstalk.examination import open_target
        from crosstalk.model.guarantees import Guarantees
        from crosstalk.targets.loader import TargetError

        try:
            guarantees = Guarantees.parse(self._settings.guarantee, self._settings.strict, self._settings.grammar)
            if not isinstance(broadcaster, str) and not callable(broadcaster):
                broadcaster = type(broadcaster)  # an object: a fresh one of its kind for every run
            return open_target(broadcaster, names=self._settings.names, guarantees=guarantees)
        except (TargetError, ValueError) as error:
            return f"crosstalk: {error}"

    def explore(
        self,
        family: str = "any",
        checks: Sequence[str] | None = None,
        *,
        seconds: float | None = None,
        schedules: int | None = None,
        shard: int = 0,
    ) -> Verdict:
        """Explore programs of `family` and judge by `checks` (default all); fails the test unless the verdict is pass.

        `seconds` of wall time (default: the budget divided by the number of tests that explore), or just `schedules`
        runs. Different `shard` numbers explore differently.
        """
        from crosstalk.checks import CHECKS
        from crosstalk.examination import examine
        from crosstalk.reporting.failures import load
        from crosstalk.reporting.junit import properties
        from crosstalk.reporting.terminal import findings, judgement

        __tracebackhide__ = True
        settings = self._settings
        share = settings.budget / max(1, self._config.stash.get(_COUNT, 1))
        judged = tuple(checks or CHECKS)
        with_allure = allure_results(self._config) is not None
        if with_allure:
            from crosstalk.reporting import allure

            allure.describe(judged, self.examination.target, family, settings.seed, seconds or share)
        verdict = examine(
            self.examination,
            seed=settings.seed + 7_919 * shard,
            seconds=seconds or share,
            schedules=schedules,
            family=family,
            checks=judged,
            saved=tuple(load(failures_folder(self._config))[0].values()),
        )
        import msgspec

        self._config.stash[_EVIDENCE].append(msgspec.json.encode(verdict))
        if self._item is not None:
            self._item.user_properties += properties(verdict)
        if verdict.interrupted:
            raise KeyboardInterrupt
        if verdict.verdict == "fail":
            if with_allure:
                allure.attach(verdict)
            pytest.fail("\n".join(findings(verdict)), pytrace=False)
        if verdict.verdict == "unknown":
            pytest.fail("crosstalk cannot tell:\n" + "\n".join(judgement(verdict)), pytrace=False)
        return verdict

    def play(self, program: Program, schedule: Strategy | Sequence[int] = ()) -> History:
        """Play `program` once, under a strategy or a tape (default: plain order); the history."""
        return self.examination.play(program, schedule)


def failures_folder(config: pytest.Config) -> Path:
    """Where counterexamples are saved, and replayed from."""
    settings = config.stash[_SETTINGS]
    return Path(config.rootpath, settings.failures or Path(settings.reports, "failures"))


def allure_results(config: pytest.Config) -> str | None:
    """The folder of allure-pytest's results, where that is in use."""
    return config.getoption("allure_report_dir", None) if config.pluginmanager.hasplugin("allure_pytest") else None


class _Controller:
    """Takes the evidence of xdist's workers in."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        output = getattr(node, "workeroutput", None) or {}
        self._config.stash[_EVIDENCE] += [text.encode() for text in output.get("crosstalk", ())]
        self._config.stash[_BESIDE] |= output.get("crosstalk_beside", {})


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["crosstalk"] = [text.decode() for text in config.stash[_EVIDENCE]]
        output["crosstalk_beside"] = config.stash[_BESIDE]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    _leave_beside(terminalreporter, config)
    evidence = config.stash[_EVIDENCE]
    if not evidence:
        return
    import msgspec

    from crosstalk.model.verdict import Verdict, merge
    from crosstalk.reporting import github
    from crosstalk.reporting.failures import keep, load
    from crosstalk.reporting.folder import leave
    from crosstalk.reporting.live_terminal import live_judgement
    from crosstalk.reporting.rules import RULES
    from crosstalk.reporting.terminal import judgement

    verdict = merge([msgspec.json.decode(text, type=Verdict) for text in evidence], tuple(RULES))
    terminalreporter.section("crosstalk")
    for line in judgement(verdict) if verdict.live is None else live_judgement(verdict):
        terminalreporter.line(line)
    if github.is_there():
        for line in github.workflow_commands(verdict):
            terminalreporter.line(line)
        github.append_summary(verdict)
    folder = Path(config.rootpath, config.stash[_SETTINGS].reports)
    try:
        terminalreporter.line(f"report: {leave(verdict, folder)}")
        terminalreporter.line(f"evidence: {folder / 'verdict.json'}")
        failures = failures_folder(config)
        saved, doubts = load(failures)
        for doubt in doubts:
            terminalreporter.line(f"crosstalk: {doubt}")
        keep(verdict, failures, saved, drop=not config.stash[_SETTINGS].failures)
        results = allure_results(config)
        if results is not None:
            from crosstalk.reporting import allure

            allure.files(Path(config.invocation_params.dir, results), verdict)
    except OSError as error:
        terminalreporter.line(f"crosstalk: the verdict could not be written: {error}")


def _leave_beside(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.stash[_BESIDE]:
        return
    import msgspec

    from crosstalk.reporting.folder import leave_beside

    folder = Path(config.rootpath, config.stash[_SETTINGS].reports)
    try:
        for name, text in config.stash[_BESIDE].items():
            shown = leave_beside(msgspec.Raw(text.encode()), folder / f"{name}.json")
        terminalreporter.line(f"crosstalk report: {shown}")
    except OSError as error:
        terminalreporter.line(f"crosstalk: the results could not be written: {error}")


__all__ = ["Crosstalk", "broadcaster", "crosstalk"]
