"""What a journal proves: the rounds of a live run that did not come to its end, judged afterwards.

A run that was killed has no controls and no quiet end, so it can fail, by what had arrived, but never pass.
"""

from __future__ import annotations

from pathlib import Path

from crosstalk.live_tally import Demands, Tally
from crosstalk.model.live_history import NEVER
from crosstalk.model.live_records import histories
from crosstalk.model.verdict import Verdict
from crosstalk.scenarios.live.journal import records, target


def recovered(path: Path) -> Verdict:
    """The verdict on the journal at `path`, whose texts were redacted when they were written.

    Raises ValueError with one sentence for what is no journal, and OSError.
    """
    seconds = 0.0
    tally = Tally(Demands(target(path)), lambda text: text, lambda: seconds, journal=str(path))
    try:
        for history in histories(records(path)):
            tally.users = max(tally.users, history.users, key=len)
            tally.take(history)
            if history.deliveries:
                seconds = history.at_time[-1]
            tally.interrupted = history.final_quiet == NEVER
    except (LookupError, ArithmeticError, TypeError) as error:
        raise ValueError(f"{path} is damaged: its records do not fit together ({type(error).__name__})") from None
    tally.notes.append("judged from the journal: without controls, which need the frames themselves, nothing can pass")
    return tally.verdict()
