"""How soon the zoo's defects are found, and whether they are told by their name.

For every defective and deep member, and every seed: the exploration of `crosstalk check`, until the first violation
that replays from its tape. Reported are the schedules and the seconds that took, and which check spoke first. Growth of
memory is judged by censuses after the exploration; members with that defect are timed over a whole examination.

What is *reported* first is another question, since the search goes on after a violation: for that each member is
examined for a few seconds as `crosstalk check` does, and the first check of the verdict is compared with the member's.

`--long` examines the correct members instead, for ten times the default budget: each violation is a false alarm.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections import Counter
from collections.abc import Iterator
from time import perf_counter, process_time

import msgspec
from members import Member, members
from sidebyside import Row, table

from crosstalk.examination import Examination, examine, explore, find
from crosstalk.schedule.strategies.replay import Replay

CAP = {"defective": 10.0, "deep": 60.0}
BUDGET = 20.0


class Sighting(msgspec.Struct, frozen=True):
    """The first true violation of one exploration: after how much, and by which checks. No check: not found."""

    schedules: int
    seconds: float
    checks: tuple[str, ...] = ()


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
    if member.defect == "growth":
        verdict = examine(examination, seed=seed, seconds=cap, schedules=20)
        speaking = tuple(check.name for check in verdict.checks if check.violations)
        return Sighting(verdict.explored.schedules, process_time() - began, speaking)
    for count, speaking in true_violations(examination, seed):
        spent = process_time() - began
        if speaking or spent > cap:
            return Sighting(count, spent, speaking)
    raise AssertionError("an exploration has no end")


def reported(member: Member, seed: int, seconds: float) -> str:
    """The check that the verdict of an examination names first; empty when it passes."""
    verdict = examine(member.opened(), seed=seed, seconds=seconds)
    return next((check.name for check in verdict.checks if check.violations), "")


def study(member: Member, seeds: int, caps: dict[str, float], judged: int, seconds: float) -> Found:
    """`seeds` explorations, and examinations of `seconds` with the first `judged` seeds."""
    found = Found(member.kind, member.name, member.defect, member.check, [], [])
    gc.collect()
    gc.freeze()
    gc.disable()
    for seed in range(1, seeds + 1):
        found.sightings.append(sighting(member, seed, caps[member.kind]))
        gc.collect()
    for seed in range(1, judged + 1):
        found.reported.append(reported(member, seed, seconds))
    gc.unfreeze()
    gc.enable()
    return found


def middle(found: Found) -> float:
    return statistics.median(s.seconds if s.checks else float("inf") for s in found.sightings)


def shown(seconds: float) -> str:
    return "not found" if seconds == float("inf") else f"{seconds:.3f} s"


def summary(kind: str, all_found: list[Found]) -> list[Row]:
    found = [one for one in all_found if one.kind == kind]
    if not found:
        return []
    seeds = len(found[0].sightings)
    missed = {one.name: sum(not s.checks for s in one.sightings) for one in found}
    missed = {name: count for name, count in missed.items() if count}
    misses = ", ".join(f"{name} ({count} of {seeds})" for name, count in missed.items())
    each = sorted(middle(one) for one in found)
    half, most = each[len(each) // 2], each[min(len(each) - 1, -(-9 * len(each) // 10) - 1)]
    rows = [
        Row(
            f"{kind}: members found with each of {seeds} seeds",
            f"{len(found) - len(missed)} of {len(found)}{'; missed: ' + misses if misses else ''}",
            "all",
            not missed,
        ),
        Row(
            f"{kind}: time to the first true violation, median of members",
            shown(half),
            "under 0.1 s" if kind == "defective" else "",
            half < 0.1 if kind == "defective" else None,
        ),
        Row(
            f"{kind}: … 90th percentile of members",
            shown(most),
            "under 1 s" if kind == "defective" else "",
            most < 1 if kind == "defective" else None,
        ),
    ]
    verdicts = [(one.name, one.check, name) for one in found for name in one.reported]
    if verdicts:
        right = sum(check == name for _, check, name in verdicts)
        wrong = Counter(f"{name}: {got or 'nothing'} for {check}" for name, check, got in verdicts if got != check)
        share = right / len(verdicts)
        rows.append(
            Row(
                f"{kind}: examinations whose verdict names the defect's class first",
                f"{share:.1%} of {len(verdicts)}" + (f"; not: {', '.join(wrong)}" if wrong else ""),
                "95 %",
                share >= 0.95,
            )
        )
    return rows


def details(all_found: list[Found]) -> str:
    lines = [
        "| member | defect | seconds, median | seconds, worst | schedules, median | found "
        "| seen first as | reported as |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in all_found:
        times = [s.seconds if s.checks else float("inf") for s in one.sightings]
        first = Counter(s.checks[0] for s in one.sightings if s.checks)
        lines.append(
            f"| {one.kind}/{one.name} | {one.defect} ({one.check}) | {shown(middle(one))} | {shown(max(times))} | "
            f"{statistics.median(s.schedules for s in one.sightings):.0f} | "
            f"{sum(bool(s.checks) for s in one.sightings)} of {len(one.sightings)} | "
            f"{', '.join(f'{name} {count}' for name, count in first.most_common())} | "
            f"{', '.join(dict.fromkeys(name or 'nothing' for name in one.reported))} |"
        )
    return "\n".join(lines)


def false_alarms(seconds: float, only: str) -> list[Row]:
    rows = []
    alarms = schedules = 0
    for member in members("correct", only=only):
        began = perf_counter()
        verdict = examine(member.opened(), seed=1, seconds=seconds)
        violations = [f"{check.name}: {v.message}" for check in verdict.checks for v in check.violations]
        alarms += len(violations)
        schedules += verdict.explored.schedules
        what = f"correct/{member.name}: {verdict.explored.schedules:,} schedules, {perf_counter() - began:.0f} s"
        print(f"{what}: {'; '.join(violations) or verdict.verdict}", flush=True)
        if violations:
            rows.append(Row(f"correct/{member.name}", "; ".join(violations), "none", False))
    what = f"correct: false alarms, {seconds:g} s a member, {schedules:,} schedules in all"
    return [Row(what, str(alarms), "0", alarms == 0), *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, at most 5 s a member, no verdicts")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cap", type=float, help="seconds to look for a violation (default 10, deep members 60)")
    parser.add_argument("--judged", type=int, default=1, help="with how many seeds whole examinations are made")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long such an examination is")
    parser.add_argument("--kinds", default="defective,deep")
    parser.add_argument("--only", default="", help="members whose names contain this")
    parser.add_argument(
        "--long", type=float, nargs="?", const=10 * BUDGET, help="examine the correct members, for so many seconds each"
    )
    options = parser.parse_args()
    if options.long is not None:
        print(table(false_alarms(options.long, options.only)))
        return
    caps = dict.fromkeys(CAP, options.cap) if options.cap else CAP
    if options.quick:
        caps = dict.fromkeys(CAP, 5.0)
    kinds = options.kinds.split(",")
    found = []
    for member in members(*kinds, only=options.only):
        judged = 0 if options.quick else options.judged
        found.append(study(member, 1 if options.quick else options.seeds, caps, judged, options.seconds))
        if not options.json:
            print(details(found[-1:]).splitlines()[-1], flush=True)
    rows = [row for kind in kinds for row in summary(kind, found)]
    print(msgspec.json.encode(rows).decode() if options.json else f"\n{table(rows)}\n\n{details(found)}")


if __name__ == "__main__":
    main()
