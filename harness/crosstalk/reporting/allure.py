# mypy: disable-error-code="no-untyped-call"
# allure-pytest annotates little of what it offers.
"""What Allure gets: labels and parameters of a test, steps and attachments of its minimal runs, files about the run.

Labels and parameters are set before the exploration, so that a test that passes has them too. Parameters are excluded
from Allure's history id: the same test keeps its history whatever the seed. `describe` and `attach` are called inside
a test, where allure-pytest listens; `files` once a run, by the process that is no xdist worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from crosstalk.model.migration import Cutover, Equivalence
from crosstalk.model.scene import Place, Scene
from crosstalk.model.verdict import CheckVerdict, FoundViolation, Verdict
from crosstalk.reporting.again import again
from crosstalk.reporting.exchange import exchange_picture, exchange_words
from crosstalk.reporting.folder import pretty
from crosstalk.reporting.legible import legible, printable
from crosstalk.reporting.migration import difference_again, difference_drawn, difference_story, loss_again
from crosstalk.reporting.page import measured
from crosstalk.reporting.picture import picture
from crosstalk.reporting.rules import CATEGORIES, RULES, SEVERITIES, rule
from crosstalk.reporting.sarif import is_inside
from crosstalk.reporting.sarif_log import own_version
from crosstalk.reporting.sentences import conclusion, story

HISTORY_BYTES = 200_000
_ORDER = ("blocker", "critical", "normal", "minor")


def describe(checks: Sequence[str], target: str, family: str, seed: int, seconds: float) -> None:
    """Labels and parameters of the running test."""
    import allure

    known = [check for check in checks if check in RULES]
    _place(target)
    allure.dynamic.story(rule(known[0]) if len(known) == 1 else f"{len(checks)} checks on {family} programs")
    severities = [SEVERITIES[check] for check in known]
    worst = min(severities, key=_ORDER.index, default="normal")
    allure.dynamic.severity(allure.severity_level(worst))
    allure.dynamic.tag(*checks)
    for name, value in (("family", family), ("seed", seed), ("seconds", round(seconds, 2))):
        allure.dynamic.parameter(name, value, excluded=True)


def attach_result(name: str, target: str, said: str, result: Any) -> None:
    """What `name` (compare, equivalent, cutover, soak) came to, in words, as JSON, and drawn; labels of the test."""
    import allure

    _place(target)
    allure.dynamic.story(name)
    allure.attach(said, f"{name}: report", allure.attachment_type.TEXT)
    allure.attach(msgspec.json.encode(result), f"{name}.json", allure.attachment_type.JSON)
    if isinstance(result, Equivalence):
        _attach_differences(result)
    elif isinstance(result, Cutover):
        _attach_losses(result)


def _place(target: str) -> None:
    """Where Allure lists the running test, and the run in CI that it is of."""
    import allure

    allure.dynamic.epic("Crosstalk")
    allure.dynamic.feature(printable(target)[:200])
    allure.dynamic.label("layer", "concurrency")
    build = executor(os.environ).get("buildUrl")
    if build:
        allure.dynamic.link(build, name="the run in CI")


def attach(verdict: Verdict) -> None:
    """What is to be seen of each violation, and the verdict."""
    import allure

    for check in verdict.checks:
        attach_check(check, verdict)
    allure.attach(pretty(verdict).decode(), "verdict.json", allure.attachment_type.JSON)


def attach_check(check: CheckVerdict, verdict: Verdict) -> None:
    """Each violation of the check, and where it failed, what a live run measured of it."""
    import allure

    for violation in check.violations:
        attach_violation(check.name, violation)
    for title, _, plot in measured(check.name, verdict, alone=True) if check.violations else ():
        allure.attach(str(plot), f"{check.name}: {title}", allure.attachment_type.SVG)


def attach_violation(check: str, violation: FoundViolation, again_: str = "") -> None:
    """The steps of the minimal run in words, its picture, program and tape, history, and the command (`again_`)."""
    import allure

    kinds = allure.attachment_type
    shown = violation.exhibit
    if shown is not None:
        source = source_link(shown.place, os.environ)
        if source:
            allure.dynamic.link(source, name=legible(str(shown.place), 200))
        drawn = picture(shown.scene, check, violation.message, shown.failing)
        allure.attach(str(drawn), f"{check}: picture", kinds.SVG)
        with _failing_step(f"{check}: {legible(violation.message, 300)}"):
            _steps(shown.scene, check, violation.message)
        allure.attach(pretty(shown.scene).decode()[:HISTORY_BYTES], f"{check}: history", kinds.JSON)
    asked = violation.exchange
    if asked is not None:
        allure.attach(str(exchange_picture(asked, violation.message)), f"{check}: picture", kinds.SVG)
        with _failing_step(f"{check}: {legible(violation.message, 300)}"):
            for sentence in exchange_words(asked):
                with _failing_step(sentence) if sentence.startswith("HERE: ") else allure.step(sentence):
                    pass
    text = kinds.TEXT
    minimal = " of the minimal counterexample" if violation.replay else ""
    allure.attach(violation.timeline, f"{check}: timeline{minimal}", text)
    allure.attach(f"{again_ or again(violation)}\n", f"{check}: replay", text)
    program = _program(violation)
    if program:
        allure.attach(program, f"{check}: program and tape", text)


def _attach_differences(result: Equivalence) -> None:
    """Each difference as a failed step that holds OLD and NEW side by side, as a picture and as text."""
    import allure

    kinds = allure.attachment_type
    for number, one in enumerate(result.differences, 1):
        with _failing_step(f"{number}. {legible(one.sentence, 300)}"):
            for sentence in difference_story(one):
                with allure.step(sentence):
                    pass
            drawn = difference_drawn(one)
            if drawn is not None:
                allure.attach(str(drawn), f"difference {number}: OLD and NEW", kinds.SVG)
            allure.attach(one.timeline, f"difference {number}: OLD and NEW as text", kinds.TEXT)
            allure.attach(f"{difference_again(result, one.replay)}\n", f"difference {number}: replay", kinds.TEXT)


def _attach_losses(result: Cutover) -> None:
    """Each loss, with the switch drawn across."""
    for loss in result.losses:
        attach_violation(loss.check, loss.found, loss_again(result, loss.found.replay))


@contextlib.contextmanager
def _failing_step(title: str) -> Iterator[None]:
    """A step that Allure shows as failed; the test goes on."""
    import allure

    with contextlib.suppress(AssertionError), allure.step(title):
        yield
        raise AssertionError(title)


def _steps(scene: Scene, check: str, message: str) -> None:
    import allure

    told, said = story(scene, check, message), conclusion(scene, check, message)
    blamed = any(sentence.startswith("HERE: ") for sentence in told)
    failing = "HERE: " if blamed else said[0]  # where no frame is to blame, it is what did not happen
    for sentence in (*told[: -len(said)], *said[blamed:]):  # the step around these says it already
        step = _failing_step if sentence.startswith(failing) else allure.step
        with step(sentence):
            pass


def _program(violation: FoundViolation) -> str:
    from crosstalk.scenarios.token import read

    try:
        example = read(violation.replay)
    except ValueError:  # a verdict of a live run has no token of ours
        return "\n".join(violation.exhibit.program) if violation.exhibit is not None else ""
    tracks = "\n".join(
        f"track {number}: " + ", ".join(map(repr, steps)) for number, steps in enumerate(example.program.tracks)
    )
    users = ", ".join(map(ascii, example.program.users))
    words = "\n".join(violation.exhibit.program) if violation.exhibit is not None else ""
    return f"{words}\n\nusers: {users}\ndevices of users: {example.program.devices}\n{tracks}\ntape: {example.tape}\n"


def files(results: Path, verdict: Verdict, environment: Mapping[str, str] = os.environ) -> None:
    """environment.properties, executor.json and categories.json, which Allure 2 and 3 both read. Raises OSError."""
    results.mkdir(parents=True, exist_ok=True)
    facts = {
        "target": printable(verdict.target),
        "verdict": verdict.verdict,
        "seed": str(verdict.seed),
        "crosstalk": own_version(),
        "python": platform.python_version(),
        "system": platform.system(),
    }
    lines = [f"{name}={value.replace(chr(92), chr(92) * 2)}" for name, value in facts.items()]
    (results / "environment.properties").write_text("\n".join(lines) + "\n", "utf-8")
    (results / "executor.json").write_text(json.dumps(executor(environment), indent=1), "utf-8")
    (results / "categories.json").write_text(json.dumps(categories(), indent=1), "utf-8")


def executor(environment: Mapping[str, str]) -> dict[str, Any]:
    """Who ran this: GitHub Actions, GitLab, Jenkins, or somebody's own machine."""
    if environment.get("GITHUB_ACTIONS") == "true":
        url = f"{environment.get('GITHUB_SERVER_URL', '')}/{environment.get('GITHUB_REPOSITORY', '')}"
        number = environment.get("GITHUB_RUN_ID", "")
        return _executor("GitHub Actions", "github", number, f"{url}/actions/runs/{number}")
    if environment.get("GITLAB_CI"):
        return _executor(
            "GitLab", "gitlab", environment.get("CI_PIPELINE_IID", ""), environment.get("CI_PIPELINE_URL", "")
        )
    if environment.get("JENKINS_URL"):
        return _executor("Jenkins", "jenkins", environment.get("BUILD_NUMBER", ""), environment.get("BUILD_URL", ""))
    return {"name": "this machine", "type": "local"}


def source_link(place: Place | None, environment: Mapping[str, str]) -> str:
    """Where the forge shows that line in this commit; "" where there is no forge, or the line is not the project's."""
    if place is None or not is_inside(place):
        return ""
    if environment.get("GITHUB_ACTIONS") == "true":
        project = f"{environment.get('GITHUB_SERVER_URL', '')}/{environment.get('GITHUB_REPOSITORY', '')}"
        commit = environment.get("GITHUB_SHA", "")
    else:
        project, commit = f"{environment.get('CI_PROJECT_URL', '')}/-", environment.get("CI_COMMIT_SHA", "")
    return f"{project}/blob/{commit}/{quote(place.path)}#L{place.line}" if commit else ""


def _executor(name: str, type_: str, number: str, url: str) -> dict[str, Any]:
    order = {"buildOrder": int(number)} if number.isdecimal() else {}
    return {"name": name, "type": type_, "buildName": f"#{number}", "buildUrl": url, **order}


def categories() -> list[dict[str, Any]]:
    """Leak, order, loss and the rest by the check that a failure's message begins with; unknown by its own words.

    The expressions mean the same to Java (Allure 2, which matches the whole message) and to JavaScript (Allure 3).
    """
    kinds: dict[str, list[str]] = {}
    for check, kind in CATEGORIES.items():
        kinds.setdefault(kind, []).append(check)
    told: list[dict[str, Any]] = [
        {
            "name": f"crosstalk: {kind}",
            "matchedStatuses": ["failed"],
            "messageRegex": rf"^(Failed: )?({'|'.join(checks)}): [\s\S]*",
        }
        for kind, checks in kinds.items()
    ]
    told.append(
        {
            "name": "crosstalk: unknown",
            "matchedStatuses": ["failed"],
            "messageRegex": r"^(Failed: )?crosstalk cannot tell:[\s\S]*",
        }
    )
    return told
