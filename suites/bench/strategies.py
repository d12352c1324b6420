"""The strategy table: how many schedules each strategy needs, alone, to show each zoo member's defect.

Every contender plays the same programs in the same proportions as `explore` does, one schedule a program; a schedule
counts as detecting when the member's own check speaks. The median over seeds is told, "-" where most seeds found
nothing within the limit. "mix" is `explore` itself. Growth of memory is no matter of schedules, and left out.

The summary counts, for each contender: members found with every seed, and the mean over members of the logarithm of
the schedules needed (the limit where nothing was found), which weighs members alike however hard they are.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import statistics
from collections.abc import Callable, Iterator
from itertools import islice

from members import Member, members

from crosstalk.checks import CHECKS
from crosstalk.examination import _PORTIONS, Examination, explore
from crosstalk.scenarios.program import GENOME, WAITS, decode, draw
from crosstalk.scenarios.runner import many_runs
from crosstalk.schedule.loop import Strategy
from crosstalk.schedule.strategies.feedback import Feedback
from crosstalk.schedule.strategies.pct import PCT
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.schedule.strategies.pos import POS
from crosstalk.schedule.strategies.random_walk import RandomWalk

ALONE: dict[str, Callable[[random.Random], Strategy]] = {
    "plain": lambda source: Plain(),
    "random walk": RandomWalk,
    "PCT-2": lambda source: PCT(source, 2),
    "PCT-3": lambda source: PCT(source, 3),
    "slow PCT-2": lambda source: PCT(source, 2, slow=True),
    "slow PCT-3": lambda source: PCT(source, 3, slow=True),
    "POS": POS,
    "feedback": Feedback,
}


def alone(examination: Examination, check: str, strategy: Strategy, source: random.Random) -> Iterator[bool]:
    """Whether the check speaks, run after run."""
    waits: tuple[float, ...] = WAITS
    words = examination.guarantees.grammar.words()
    number = 0
    while True:
        family = _PORTIONS[number % len(_PORTIONS)]
        genome = source.randbytes(GENOME)
        if isinstance(strategy, Feedback):
            bred = strategy.breed()
            if bred is not None:
                family, genome, _ = bred
        small = family not in ("wide", "long")
        program = decode(genome, family, waits, words) if small else draw(source, family)
        world = examination.world(program, strategy, run_id=number & 0xFFFF)
        if isinstance(strategy, Feedback) and small and world.cells:
            strategy.learn((family, genome, tuple(world.loop.tape)), world.cells)
        yield bool(CHECKS[check](world.history).violations)
        number += 1
        if number == 12 and examination.delays:
            near = sorted(delay for delay in examination.delays if delay > 0)[:8]
            waits = (*WAITS, *(delay * factor for delay in near for factor in (0.5, 1.01)))


def needed(member: Member, contender: str, seed: int, limit: int) -> float:
    """Schedules until the member's check speaks; infinity when it does not within `limit`."""
    examination = member.opened()
    if contender == "mix":
        runs = (
            bool(run.results[member.check].violations) for run in explore(examination, seed, checks=(member.check,))
        )
    else:
        source = random.Random(seed)
        runs = alone(examination, member.check, ALONE[contender](source), source)
    with many_runs():
        for number, speaks in enumerate(islice(runs, limit), 1):
            if number % 64 == 0:
                gc.collect()
            if speaks:
                return number
    return math.inf


def shown(values: list[float]) -> str:
    middle = statistics.median_low(sorted(values)) if len(values) % 2 else statistics.median_high(values)
    return "-" if middle == math.inf else f"{middle:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=2_000, help="schedules that one may need")
    parser.add_argument("--kinds", default="deep,defective")
    parser.add_argument("--only", default="", help="members whose names contain this, or one of several with commas")
    parser.add_argument("--contenders", default=",".join((*ALONE, "mix")))
    options = parser.parse_args()
    contenders = options.contenders.split(",")
    print(f"| member | {' | '.join(contenders)} |")
    print(f"| --- {'| ---: ' * len(contenders)}|", flush=True)
    everywhere = dict.fromkeys(contenders, 0)
    logarithms: dict[str, list[float]] = {name: [] for name in contenders}
    count = 0
    for member in members(*options.kinds.split(","), only=options.only):
        if member.defect == "growth":
            continue
        count += 1
        cells = []
        for name in contenders:
            values = [needed(member, name, seed, options.limit) for seed in range(1, options.seeds + 1)]
            everywhere[name] += math.inf not in values
            logarithms[name].append(statistics.mean(math.log(min(value, options.limit)) for value in values))
            cells.append(shown(values))
        print(f"| {member.kind}/{member.name} | {' | '.join(cells)} |", flush=True)
    print(f"| **found with each seed, of {count}** | {' | '.join(str(everywhere[name]) for name in contenders)} |")
    means = [f"{math.exp(statistics.mean(logarithms[name])):.0f}" for name in contenders]
    print(f"| **schedules, geometric mean** | {' | '.join(means)} |")


if __name__ == "__main__":
    main()
