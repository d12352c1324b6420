"""What GitHub Actions shows of a verdict: annotations in the log and the diff, and a step summary in Markdown.

Annotations are workflow commands on standard output; whatever would end or forge one is escaped as the runner's own
toolkit does. The summary goes to the file that GITHUB_STEP_SUMMARY names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from crosstalk.model.verdict import FoundViolation, Verdict
from crosstalk.reporting.again import again
from crosstalk.reporting.exchange import exchange_words
from crosstalk.reporting.legible import legible, printable
from crosstalk.reporting.page import facts, lead
from crosstalk.reporting.rules import rule
from crosstalk.reporting.sarif import is_inside
from crosstalk.reporting.sentences import story

ANNOTATIONS = 10
"""GitHub shows ten errors of a step, and no more."""
SUMMARY_BYTES = 900_000


def is_there(environment: Mapping[str, str] = os.environ) -> bool:
    return environment.get("GITHUB_ACTIONS") == "true"


def workflow_commands(verdict: Verdict) -> list[str]:
    """An `::error` a finding, the first ten; a `::warning` when it cannot be told."""
    lines = []
    for check in verdict.checks:
        for violation in check.violations:
            where = ""
            place = violation.exhibit.place if violation.exhibit is not None else None
            if place is not None and place.line > 0 and is_inside(place):
                where = f"file={_property(place.path)},line={place.line},"
            message = f"{violation.message}\nRule: {rule(check.name)}"
            if again(violation):
                message += f"\nReplay: {again(violation)}"
            lines.append(f"::error {where}title={_property(f'crosstalk: {check.name}')}::{_data(message)}")
    if verdict.verdict == "unknown":
        lines.append(f"::warning title=crosstalk: unknown::{_data(' '.join(lead(verdict)))}")
    return lines[:ANNOTATIONS]


def markdown(verdict: Verdict) -> str:
    """The verdict as Markdown: what it proves, the findings with their pictures in text, a table of checks."""
    mark = {"pass": "✅", "fail": "❌", "unknown": "❔"}[verdict.verdict]
    lines = [f"## {mark} Crosstalk: {verdict.verdict} for {_code(verdict.target)}", ""]
    lines += [_text(sentence) for sentence in lead(verdict)] + [""]
    for check in verdict.checks:
        for violation in check.violations:
            lines += _finding(check.name, violation)
    lines += ["| check | verdict | opportunities | |", "| --- | --- | ---: | --- |"]
    lines += [f"| {_text(c.name)} | {c.verdict} | {c.opportunities:,} | {_text(c.reason)} |" for c in verdict.checks]
    caught = sum(control.caught for control in verdict.controls)
    explored = verdict.explored
    lines += [
        "",
        f"{caught} of {len(verdict.controls)} sabotages were caught on this target. "
        + f"{_played(verdict)}, {explored.deliveries:,} deliveries in {explored.seconds:g} s, seed {verdict.seed}.",
        *(f"\nNote: {_text(note)}" for note in verdict.notes[:20]),
        "",
    ]
    return "\n".join(lines)


def _played(verdict: Verdict) -> str:
    if verdict.live is None:
        return f"Explored: {verdict.explored.schedules:,} schedules"
    return f"Played: {verdict.live.users:,} users, {verdict.live.runs:,} runs"


def _finding(check: str, violation: FoundViolation) -> list[str]:
    lines = [f"### {_text(check)}: {_text(violation.message)}", ""]
    lines += [f"- {_text(what)}: {_text(said)}" for what, said in facts(check, violation)]
    lines += ["", "<details><summary>what happened</summary>", ""]
    if violation.exhibit is not None and not violation.cause.startswith("growth"):
        told = story(violation.exhibit.scene, check, violation.message)
        lines += [f"{number}. {_sentence(sentence)}" for number, sentence in enumerate(told, 1)] + [""]
    if violation.exchange is not None:
        told = exchange_words(violation.exchange)
        lines += [f"{number}. {_sentence(sentence)}" for number, sentence in enumerate(told, 1)] + [""]
    lines += [_fenced(legible(violation.timeline, 8_000, lines=True)), "", "</details>", ""]
    return lines + ([_fenced(printable(again(violation))), ""] if again(violation) else [])


def _sentence(sentence: str) -> str:
    return f"**{_text(sentence)}**" if sentence.startswith("HERE: ") else _text(sentence)


def append_summary(verdict: Verdict, environment: Mapping[str, str] = os.environ) -> None:
    """Into the step's summary, where there is one; a summary that cannot be written stops nothing."""
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown(verdict)[:SUMMARY_BYTES])
    except OSError:
        return


def _data(text: str) -> str:
    return legible(text, 4_000, lines=True).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _text(text: str) -> str:
    """Words that are no markup: nothing of Markdown's or HTML's is obeyed."""
    shown = legible(text, 1_000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-!|~@" else c for c in shown)


def _code(text: str) -> str:
    return f"`` {legible(text, 300).replace('`', 'ˋ')} ``"


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"
