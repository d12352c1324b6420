"""OLD and NEW on the page: what `crosstalk compare`, `equivalent`, `cutover` and `soak` left in a folder.

Each becomes a block: how it came out, a table, pictures in text, the commands that show it again.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from markupsafe import Markup

from crosstalk.model.migration import LEVEL, MEASURES, Comparison, Cutover, Difference, Equivalence, Judged, Loss
from crosstalk.model.soak import LiveSoak, Soak
from crosstalk.model.verdict import Outcome
from crosstalk.reporting.legible import legible, name
from crosstalk.reporting.picture import pair, picture
from crosstalk.reporting.plots import bars, intervals, readings
from crosstalk.reporting.reading import NoVerdict, consistent, contents, whole
from crosstalk.reporting.sentences import moments, shortened, story
from crosstalk.reporting.soak import (
    WORDS,
    cost_words,
    grown_words,
    growth_words,
    live_soaked_words,
    pool_words,
    soaked_words,
)
from crosstalk.reporting.svg import joined

MOST = 60
"""Rows of a table, and pictures."""
FEW = 8
"""Users whose down-time is told one by one."""
Result = Comparison | Equivalence | Cutover | Soak | LiveSoak
_Found = TypeVar("_Found", Comparison, Equivalence, Cutover, Soak, LiveSoak)


class Block(NamedTuple):
    """What the page shows of one result. A picture is a heading, what is drawn, sentences, a text, and a command."""

    title: str
    verdict: Outcome
    said: str
    plot: Markup | None
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    pictures: tuple[tuple[str, Markup | None, Sequence[str], str, str], ...]
    notes: tuple[str, ...]

    key: str = ""
    """Which key the pictures need: that of a switch, or of what differs."""


class Beside(NamedTuple):
    """The results in a folder, and what is there but can't be shown, in a sentence each."""

    results: tuple[Result, ...] = ()
    doubts: tuple[str, ...] = ()


NOTHING_BESIDE = Beside()


def beside(folder: Path) -> Beside:
    """What is in `folder` beside the verdict."""
    found: list[Result] = []
    doubts: list[str] = []
    for read in (_comparison, _equivalences, _cutover, _soak, _live_soak):
        try:
            found += read(folder)
        except NoVerdict as error:
            doubts.append(str(error))
    return Beside(tuple(found), tuple(doubts))


def _comparison(folder: Path) -> Sequence[Comparison]:
    return _of(folder / "compare.json", Comparison)


def _equivalences(folder: Path) -> Sequence[Equivalence]:
    return _of(folder / "equivalent.json", Equivalence)


def _cutover(folder: Path) -> Sequence[Cutover]:
    return _of(folder / "cutover.json", Cutover)


def _soak(folder: Path) -> Sequence[Soak]:
    return _of(folder / "soak.json", Soak)


def _live_soak(folder: Path) -> Sequence[LiveSoak]:
    return _of(folder / "live_soak.json", LiveSoak)


def _of(path: Path, kind: type[_Found]) -> Sequence[_Found]:
    if not path.exists():
        return ()
    try:
        found = msgspec.json.decode(contents(path), type=kind | list[kind])  # type: ignore[valid-type]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoVerdict(
            f"{path} is damaged or of another version ({error}): let crosstalk {_command(path)} make it again"
        ) from None
    several: Sequence[_Found] = found if isinstance(found, list) else (found,)
    if any(one.schema != 1 for one in several):
        raise NoVerdict(f"{path} has another schema than 1: let this crosstalk {_command(path)} make it again")
    if not all(_drawable(one) for one in several):
        raise NoVerdict(f"{path} contradicts itself: a scene names what it does not hold")
    curves = [curve for one in several if isinstance(one, Soak) for curve in one.curves]
    if not all(0 < len(curve.counts) == len(curve.lines) == len(curve.seconds) for curve in curves):
        raise NoVerdict(f"{path} contradicts itself: a curve has not as many costs as numbers of users")
    return several


def _command(path: Path) -> str:
    """The subcommand that makes that file."""
    return path.stem.removeprefix("live_")


def _drawable(result: Result) -> bool:
    if isinstance(result, Cutover):
        return all(whole(loss.found.exhibit) for loss in result.losses if loss.found.exhibit is not None)
    if isinstance(result, Equivalence):
        scenes = (scene for one in result.differences for scene in (one.old_scene, one.new_scene))
        return all(consistent(scene) for scene in scenes if scene is not None)
    return True


def block(result: Result) -> Block:
    if isinstance(result, Comparison):
        return _compared(result)
    if isinstance(result, Soak):
        return _soaked(result)
    if isinstance(result, LiveSoak):
        return _soaked_live(result)
    return _equivalent(result) if isinstance(result, Equivalence) else _cut_over(result)


# -- words that the terminal has too -------------------------------------------------------------------------------


def goal_words(goal: Judged) -> str:
    more = f"; about {goal.more:,} more rounds would tell" if goal.outcome == "cannot tell" else ""
    words = MEASURES[goal.measure][0] if goal.measure in MEASURES else goal.measure
    return f"{words}: {goal.share:.0%} less is {goal.outcome}{more}" + ", this machine is too noisy for less" * (
        goal.more > 200
    )


def equivalent_words(result: Equivalence) -> str:
    count = len(result.differences)
    words = {
        "pass": "equivalent: no difference found",
        "fail": f"not equivalent: {count} distinct difference{'s' * (count > 1)}",
        "unknown": "unknown" + " (interrupted)" * result.interrupted,
    }
    return words[result.verdict] + (f", {', '.join(result.allowed)} allowed" if result.allowed else "")


def compared_words(result: Equivalence) -> str:
    return (
        f"{result.programs:,} programs, {result.schedules:,} schedules, {result.facts:,} facts in {result.seconds:g} s "
        f"(seed {result.seed})"
        + f"; {result.explained} apparent differences that a schedule explains"
        * bool(result.explained)
    )


def rehearsed_words(result: Cutover) -> str:
    of = "rounds" if result.live else "schedules"
    return (
        f"{result.points:,} switch points, {result.schedules:,} {of}, {result.moves:,} moves in "
        f"{result.seconds:g} s (seed {result.seed})"
    )


def down_time_words(result: Cutover) -> str:
    if len(result.down_time) > FEW:
        downs = sorted(result.down_time.items(), key=lambda item: -item[1])
        none = sum(not seconds for _, seconds in downs)
        longest = ", ".join(f"{name(user)} {seconds:g} s" for user, seconds in downs[:2])
        return f"longest {longest}; none for {none:,} of {len(downs):,} users"
    return ", ".join(f"{name(user)} {seconds:g} s" for user, seconds in result.down_time.items()) or "not measured"


def difference_again(result: Equivalence, token: str) -> str:
    return shlex.join(("crosstalk", "equivalent", result.old, result.new, *result.options, "--replay", token))


def loss_again(result: Cutover, token: str) -> str:
    words = ("cutover", result.old, result.new, "--switch", result.switch, *result.options)
    return shlex.join(("crosstalk", *words, *(("--replay", token) if token else ())))


def loss_story(loss: Loss) -> list[str]:
    """What happens in it, and whose doing that is, in sentences."""
    shown = loss.found.exhibit
    told = story(shown.scene, loss.check, loss.found.message) if shown is not None else []
    whose = (
        "Neither OLD nor NEW was seen to do that alone: it comes of the move."
        if loss.whose == "migration"
        else f"{loss.whose} alone does that too, in the same program without a move."
    )
    order = f"The last order came: {loss.point}." if loss.point else "No order to the switch is needed."
    return [*told, legible(order, 600), whose]


def difference_story(one: Difference) -> list[str]:
    """What happens on both sides alike, then what on each, and which guarantees that breaks, in sentences."""
    told = []
    if one.old_scene is not None and one.new_scene is not None:
        sides = [[text.removeprefix("HERE: ") for _, text in moments(s)] for s in (one.old_scene, one.new_scene)]
        alike = [text for text, _ in takewhile(lambda both: both[0] == both[1], zip(*sides, strict=False))]
        told += shortened(alike)
        for side, sentences in zip(("OLD", "NEW"), sides, strict=True):
            rest = sentences[len(alike) :] or ["nothing more happens."]
            told += shortened([f"{side}: {text}" for text in rest])
    told.append(legible(f"{one.sentence[:1].upper()}{one.sentence[1:]}.", 600))
    broken = (("OLD", one.old_breaks), ("NEW", one.new_breaks))
    return told + [legible(f"{side} breaks {text}.", 400) for side, texts in broken for text in texts]


# -- the blocks ----------------------------------------------------------------------------------------------------


def _compared(result: Comparison) -> Block:
    order = list(MEASURES)
    known = [one for one in result.measured if one.measure in MEASURES and 0 < one.low <= one.ratio <= one.high]
    shown = sorted(known, key=lambda one: (order.index(one.measure), one.users))[:MOST]
    rows, drawn = [], []
    for one in shown:
        words, factor, unit = MEASURES[one.measure]
        heading = f"{words}{f', {unit}' if unit else ''}"
        figures = f"{one.old * factor:,.1f}", f"{one.new * factor:,.1f}", _ratio(one.ratio)
        rows.append(
            (heading, f"{one.users:,}", *figures, f"{_ratio(one.low)} to {_ratio(one.high)}", legible(one.word, 40))
        )
        drawn.append(
            (f"{words}, {one.users:,} user{'s' * (one.users > 1)}", one.low, one.ratio, one.high, legible(one.word, 20))
        )
    goals = "; ".join(legible(goal_words(goal), 300) for goal in result.goals[:10])
    said = f"{result.rounds:,} pairs of fresh processes in {result.seconds:g} s. "
    return Block(
        _title("Time and memory", result),
        result.verdict,
        said + (f"Goals: {goals}." if goals else "No goals were set."),
        intervals(drawn, f"NEW / OLD, with {LEVEL:.0%} intervals; left of 1 NEW needs less, or does less")
        if drawn
        else None,
        ("Measure", "Users", "OLD", "NEW", "NEW / OLD", f"{LEVEL:.0%} interval", "NEW is"),
        tuple(rows),
        (),
        _notes(result.notes),
    )


def _equivalent(result: Equivalence) -> Block:
    shown = result.differences[:MOST]
    rows = []
    for number, one in enumerate(shown, 1):
        broken = [
            f"{side} breaks {text}" for side, of in (("OLD", one.old_breaks), ("NEW", one.new_breaks)) for text in of
        ]
        also = f" (also {', '.join(one.also)})" if one.also else ""
        rows.append((f"{number}. {one.kind} {one.situation}{also}", one.old, one.new, "; ".join(broken)))
    caught = sum(seen.caught for seen in result.controls)
    words = equivalent_words(result)
    said = f"{words[0].upper()}{words[1:]}. Compared: {compared_words(result)}. "
    said += f"Sabotages of OLD seen as differences: {caught} of {len(result.controls)}."
    return Block(
        _title("What would be noticed", result),
        result.verdict,
        legible(said, 1_000),
        None,
        ("What differs", "OLD", "NEW", "Guarantees broken"),
        _legible(rows),
        tuple(
            (
                legible(f"Picture of {number}: {one.kind} {one.situation}", 200),
                difference_drawn(one, standalone=False),
                difference_story(one),
                legible(one.timeline, 4_000, lines=True),
                legible(difference_again(result, one.replay), 20_000),
            )
            for number, one in enumerate(shown[:20], 1)
        ),
        _notes(result.notes),
        "difference" * any(one.old_scene is not None for one in shown),
    )


def _cut_over(result: Cutover) -> Block:
    shown = result.losses[:MOST]
    rows = [
        (f"{number}. {one.check}: {one.found.message}", one.whose, one.point or "no order is needed")
        for number, one in enumerate(shown, 1)
    ]
    caught = sum(control.caught for control in result.controls)
    said = f"By {result.switch}: {rehearsed_words(result)}. Down-time: {down_time_words(result)}. "
    said += f"Worst point: {result.worst_point}. " if result.worst_point else ""
    said += f"Sabotages caught during a switch: {caught} of {len(result.controls)}."
    said += " The rehearsal was interrupted." * result.interrupted
    return Block(
        _title("Moving users", result),
        result.verdict,
        legible(said, 1_000),
        None,
        ("What goes wrong", "Whose doing", "Where the switch came"),
        _legible(rows),
        tuple(
            (
                f"Picture of {number}: {one.check}",
                _drawn(one),
                loss_story(one) if one.found.exhibit is not None else (),
                legible(one.found.timeline, 4_000, lines=True),
                legible(loss_again(result, one.found.replay), 20_000),
            )
            for number, one in enumerate(shown[:20], 1)
        ),
        _notes(result.notes),
        "switch" * any(one.found.exhibit is not None for one in shown),
    )


def _drawn(loss: Loss) -> Markup | None:
    shown = loss.found.exhibit
    if shown is None or loss.found.cause.startswith("growth"):
        return None
    return picture(shown.scene, loss.check, loss.found.message, standalone=False)


def difference_drawn(one: Difference, *, standalone: bool = True) -> Markup | None:
    """OLD and NEW side by side; None where there is nothing to be seen."""
    if one.old_scene is None or one.new_scene is None:
        return None
    headings = f"OLD: {one.old}", f"NEW: {one.new}"
    scenes = one.old_scene, one.new_scene
    return pair(scenes, headings, one.sentence, one.situation * (one.kind == "guarantee"), standalone=standalone)


def _soaked(result: Soak) -> Block:
    rows = [
        (growth_words(one), "grows" if one.grows else "level", "; ".join((*one.containers, *one.sites)))
        for one in result.growths
    ]
    rows += [(cost_words(one), "grows" if one.superlinear else "level", "; ".join(one.sites)) for one in result.curves]
    if result.pool is not None:
        wrong = result.pool.violations
        rows.append((pool_words(result.pool), "broken" if wrong else "whole", "; ".join(wrong)))
    words = soaked_words(result)
    lines = {
        f"{curve.unit}, {count:,}": cost
        for curve in result.curves
        if curve.of == "users"
        for count, cost in zip(curve.counts, curve.lines, strict=False)
    }
    return Block(
        f"Many users who come and go: {legible(result.target, 200)}",
        result.verdict,
        legible(f"{words[0].upper()}{words[1:]}.", 1_000)
        + " The bars are lines of Python that run for each delivery, and each connection, with so many users."
        * bool(lines),
        bars(lines, "lines of Python that run, with so many users", "{:,.0f} lines") if lines else None,
        ("What was measured", "It is", "Where"),
        _legible(rows[:MOST]),
        (),
        _notes(result.notes),
    )


def _soaked_live(result: LiveSoak) -> Block:
    words = live_soaked_words(result)
    plots = [
        readings(one.readings, one.units, f"{legible(one.quantity, 60)}, by how many users have gone")
        for one in result.grown[:MOST]
        if one.readings
    ]
    return Block(
        f"Many users who come and go: {legible(result.target, 200)}",
        result.verdict,
        legible(f"{words[0].upper()}{words[1:]}.", 1_000)
        + " Growth is judged by the second half of the readings." * bool(plots),
        joined(plots) if plots else None,
        ("What was measured", "It is"),
        _legible([(grown_words(one), WORDS[one.outcome]) for one in result.grown[:MOST]]),
        (),
        _notes(result.notes),
    )


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 1_000 else "over 1,000"


def _title(what: str, result: Comparison | Equivalence | Cutover) -> str:
    return f"{what}: OLD {legible(result.old, 200)}, NEW {legible(result.new, 200)}"


def _legible(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(legible(cell, 600) for cell in row) for row in rows)


def _notes(notes: Sequence[str]) -> tuple[str, ...]:
    return tuple(legible(note, 600) for note in notes[:MOST])
