"""How soon the zoo's defects are found, and whether they are told by their name.

For every defective and deep member, and every seed: the exploration of `crosstalk check` until the member's own check
reports a violation that replays from its tape. Reported are the schedules and the processor seconds that took, and what
the first true violation of any check took, which may be another symptom. Growth of memory is judged by censuses after
the exploration; members with that defect are timed over a whole examination.

What is *reported* first is another question, since the search goes on after a violation: for that each member is
examined as `crosstalk check` does, for so many schedules, and the first check of the verdict must be the member's own,
or bear the name of its class of defect.

`--long` examines the correct members instead, each for so many schedules, under strict guarantees where it says that it
keeps them: each violation is a false alarm.
"""

from __future__ import annotations

import argparse
import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from time import process_time

import msgspec
from members import Member, members
from sidebyside import Row, table

from crosstalk.examination import Examination, examine, explore, find
from crosstalk.scenarios.runner import many_runs
from crosstalk.schedule.strategies.replay import Replay

CAP = {"defective": 10.0, "deep": 60.0}
"""Processor seconds to look for a violation."""
BUDGET = 20.0
LONG = 200_000
"""Schedules that ten default budgets play on a processor that is not shared, some 1,000 a second."""


class Moment(msgspec.Struct, frozen=True):
    """After how much of an exploration something was seen. Infinite: not at all."""

    schedules: float = math.inf
    seconds: float = math.inf


class Sighting(msgspec.Struct, frozen=True):
    """Of one exploration: the first true violation, by which checks, and the first of the member's own check."""

    first: Moment
    checks: tuple[str, ...]
    own: Moment


class Found(msgspec.Struct):
    """What was seen of one member: a sighting a seed, and the checks that its verdicts name first."""

    kind: str
    name: str
    defect: str
    check: str
    sightings: list[Sighting]
    reported: list[str]


def true_violations(examination: Examination, seed: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each run's number, from 1, and the checks whose violations in it come again in a replay."""
    with many_runs():
        for run in explore(examination, seed):
            speaking = []
            for check, result in run.results.items():
                if result.violations:
                    again, _ = examination.run(run.program, Replay(run.tape))
                    if find(again, check, result.violations[0].cause) is not None:
                        speaking.append(check)
            if run.number % 64 == 63:
                gc.collect()
            yield run.number + 1, tuple(speaking)


def sighting(member: Member, seed: int, cap: float) -> Sighting:
    examination = member.opened()
    began = process_time()
    first, checks = Moment(), ()
    if member.defect == "growth":
        verdict = examine(examination, seed=seed, seconds=BUDGET, schedules=20)
        checks = tuple(check.name for check in verdict.checks if check.violations)
        if checks:
            first = Moment(verdict.explored.schedules, process_time() - began)
        return Sighting(first, checks, first if member.check in checks else Moment())
    for count, speaking in true_violations(examination, seed):
        now = Moment(count, process_time() - began)
        if speaking and not checks:
            first, checks = now, speaking
        if member.check in speaking:
            return Sighting(first, checks, now)
        if now.seconds > cap:
            return Sighting(first, checks, Moment())
    raise AssertionError("an exploration has no end")


def reported(member: Member, seed: int, schedules: int) -> str:
    """The check that the verdict of an examination names first; empty when it passes."""
    verdict = examine(member.opened(), seed=seed, seconds=BUDGET, schedules=schedules)
    return next((check.name for check in verdict.checks if check.violations), "")


def study(member: Member, seeds: int, caps: dict[str, float], judged: int, schedules: int) -> Found:
    """`seeds` explorations, and examinations of `schedules` with the first `judged` seeds."""
    found = Found(member.kind, member.name, member.defect, member.check, [], [])
    gc.collect()
    gc.freeze()
    gc.disable()
    for seed in range(1, seeds + 1):
        found.sightings.append(sighting(member, seed, caps[member.kind]))
        gc.collect()
    for seed in range(1, judged + 1):
        found.reported.append(reported(member, seed, schedules))
    gc.unfreeze()
    gc.enable()
    return found


def shown(seconds: float) -> str:
    return "not found" if math.isinf(seconds) else f"{seconds:.3f} s"


def counted(schedules: float) -> str:
    return "-" if math.isinf(schedules) else f"{schedules:,.0f}"


def percentile(values: Iterable[float], percent: int) -> float:
    """The smallest value that so many percent of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summary(kind: str, all_found: list[Found]) -> list[Row]:
    found = [one for one in all_found if one.kind == kind]
    if not found:
        return []
    seeds = len(found[0].sightings)
    missed = {one.name: sum(math.isinf(s.own.schedules) for s in one.sightings) for one in found}
    missed = {name: count for name, count in missed.items() if count}
    misses = ", ".join(f"{name} ({count} of {seeds})" for name, count in missed.items())
    firsts = [s.first for one in found for s in one.sightings]
    owns = [s.own for one in found for s in one.sightings]
    half, most = (percentile([moment.seconds for moment in firsts], percent) for percent in (50, 90))
    goal = kind == "defective"
    rows = [
        Row(
            f"{kind}: found by their own check with each of {seeds} seeds",
            f"{len(found) - len(missed)} of {len(found)}{'; missed: ' + misses if misses else ''}",
            "all",
            not missed,
        ),
        Row(
            f"{kind}: to the first true violation, median of members and seeds",
            f"{shown(half)}, {counted(percentile([moment.schedules for moment in firsts], 50))} schedules",
            "under 0.1 s" if goal else "",
            half < 0.1 if goal else None,
        ),
        Row(
            f"{kind}: … 90th percentile",
            f"{shown(most)}, {counted(percentile([moment.schedules for moment in firsts], 90))} schedules",
            "under 1 s" if goal else "",
            most < 1 if goal else None,
        ),
        Row(
            f"{kind}: to the first of its own check, median, 90th percentile, longest",
            ", ".join(
                f"{shown(percentile([moment.seconds for moment in owns], percent))} "
                f"({counted(percentile([moment.schedules for moment in owns], percent))})"
                for percent in (50, 90, 100)
            ),
        ),
    ]
    verdicts = [(one, name) for one in found for name in one.reported]
    if verdicts:
        # some classes of defects are named as a check is
        wrong = [(one, name) for one, name in verdicts if name not in (one.check, one.defect)]
        others = Counter(f"{one.name}: {name or 'nothing'} for {one.check}" for one, name in wrong)
        share = 1 - len(wrong) / len(verdicts)
        rows.append(
            Row(
                f"{kind}: examinations whose verdict names the defect's class first",
                f"{share:.1%} of {len(verdicts)}" + (f"; not: {', '.join(others)}" if others else ""),
                "95 %",
                share >= 0.95,
            )
        )
    return rows


def details(all_found: list[Found]) -> str:
    lines = [
        "| member | defect | schedules to the first violation | to its own check's | worst | seconds | worst | found "
        "| seen first as | reported as |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for one in all_found:
        firsts, owns = [s.first for s in one.sightings], [s.own for s in one.sightings]
        checks = Counter(s.checks[0] for s in one.sightings if s.checks)
        reports = Counter(name or "nothing" for name in one.reported)
        lines.append(
            f"| {one.kind}/{one.name} | {one.defect} ({one.check}) "
            f"| {counted(percentile([moment.schedules for moment in firsts], 50))} "
            f"| {counted(percentile([moment.schedules for moment in owns], 50))} "
            f"| {counted(max(moment.schedules for moment in owns))} "
            f"| {shown(percentile([moment.seconds for moment in owns], 50))} "
            f"| {shown(max(moment.seconds for moment in owns))} "
            f"| {sum(not math.isinf(moment.schedules) for moment in owns)} of {len(owns)} "
            f"| {', '.join(f'{name} {count}' for name, count in checks.most_common())} "
            f"| {', '.join(f'{name} {count}' for name, count in reports.most_common())} |"
        )
    return "\n".join(lines)


def false_alarms(schedules: int, seed: int, only: str) -> list[Row]:
    rows = []
    alarms = played = 0
    for member in members("correct", only=only):
        began = process_time()
        verdict = examine(member.opened(), seed=seed, seconds=math.inf, schedules=schedules)
        violations = [f"{check.name}: {v.message}" for check in verdict.checks for v in check.violations]
        alarms += len(violations)
        played += verdict.explored.schedules
        name = f"correct/{member.name}{', strict' if member.strict else ''}"
        what = f"{name}: {verdict.explored.schedules:,} schedules, {process_time() - began:.0f} s"
        print(f"{what}: {'; '.join(violations) or verdict.verdict}", flush=True)
        if violations:
            rows.append(Row(name, "; ".join(violations), "none", False))
    what = f"correct: false alarms, {schedules:,} schedules a member, {played:,} in all"
    return [Row(what, str(alarms), "0", alarms == 0), *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, at most 5 s a member, no verdicts")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--cap", type=float, help="processor seconds to look for a violation (default 10, deep members 60)"
    )
    parser.add_argument("--judged", type=int, default=1, help="with how many seeds whole examinations are made")
    parser.add_argument("--schedules", type=int, default=1_000, help="how long such an examination is")
    parser.add_argument("--seed", type=int, default=1, help="of --long")
    parser.add_argument("--kinds", default="defective,deep")
    parser.add_argument("--only", default="", help="members whose names contain this, or one of several with commas")
    parser.add_argument(
        "--long", type=int, nargs="?", const=LONG, help=f"examine the correct members ({LONG:,} schedules each)"
    )
    options = parser.parse_args()
    if options.long is not None:
        print(table(false_alarms(options.long, options.seed, options.only)))
        return
    caps = dict.fromkeys(CAP, options.cap) if options.cap else CAP
    if options.quick:
        caps = dict.fromkeys(CAP, 5.0)
    kinds = options.kinds.split(",")
    found = []
    for member in members(*kinds, only=options.only):
        judged = 0 if options.quick else options.judged
        found.append(study(member, 1 if options.quick else options.seeds, caps, judged, options.schedules))
        if not options.json:
            print(details(found[-1:]).splitlines()[-1], flush=True)
    rows = [row for kind in kinds for row in summary(kind, found)]
    print(msgspec.json.encode(rows).decode() if options.json else f"\n{table(rows)}\n\n{details(found)}")


if __name__ == "__main__":
    main()
