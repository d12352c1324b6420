"""What a live run keeps in memory: bytes a delivery within a round, and whether anything stays when rounds go by.

Fifty users with two devices each ask for runs of seven events, all of which arrive on both devices. Each frame takes
the path that it takes in a live run: read, laid to its run, written into the history's columns and into the journal on
disk. Counted is what Python allocates (tracemalloc): for the history alone, as it is built from the journal, and for
all that is kept until its round is judged: ids told, canaries proven, what has been completed where.
"""

from __future__ import annotations

import gc
import json
import tempfile
import tracemalloc
from pathlib import Path

from sidebyside import Row, main

from crosstalk.live_tally import Demands, Tally
from crosstalk.model.live_history import STARTED, LiveHistory
from crosstalk.model.live_records import histories
from crosstalk.scenarios.live.journal import Journal, records
from crosstalk.scenarios.live.known import ROUNDS_KEPT, Known
from crosstalk.scenarios.live.record import Recorder
from crosstalk.targets.reading import Pointers, reader

USERS, DEVICES = 50, 2
RUN = ("agent_started", *["agent_thinking"] * 3, "tool_executing", "tool_completed", "agent_completed")


class Rounds:
    """A live run's records, made without a network."""

    def __init__(self, journal: Journal) -> None:
        self.known = Known(b"key of the bench", tuple(f"crosstalk-user-{user:04}" for user in range(USERS)))
        self.journal = journal
        self.tally = Tally(Demands("the bench"), str, lambda: 0.0)
        self.read = reader(Pointers())

    def play(self, number: int, deliveries: int) -> Recorder:
        """One round of so many deliveries, not yet judged."""
        history = LiveHistory(self.known.users, number)
        recorder = Recorder(self.known, self.read, history, self.journal)
        self.known.forget(number)
        for episode in range(USERS * DEVICES):
            recorder.apply("connecting", *divmod(episode, DEVICES), 0.0)
            recorder.apply("connected", episode, 0.001)
        while history.deliveries < deliveries:
            self._run(recorder, len(history.runs))
        for episode in range(USERS * DEVICES):
            recorder.apply("answered", episode)
        recorder.apply("quiet", 9_000.0)
        return recorder

    def _run(self, recorder: Recorder, run: int) -> None:
        known, history = self.known, recorder.history
        user, now = run % USERS, 1.0 + run * 0.01
        canary = known.canary(history.number, user, run // USERS, run)
        ids = {"run_id": known.run_id(canary, user, history.number, run), "thread_id": known.thread_id(user, 0)}
        recorder.apply("run", user, run // USERS, user * DEVICES, now)
        recorder.apply("asked", run, now, STARTED, "")
        for place, type_ in enumerate(RUN, 1):
            event = {"type": type_, "user_id": known.users[user], **ids, "payload": {"text": f"about {canary}"}}
            for device in range(DEVICES):
                recorder.receive(user * DEVICES + device, now + place * 0.001, json.dumps(event).encode())

    def judge(self, recorder: Recorder) -> None:
        self.tally.take(recorder.history)
        assert not self.tally.found and self.tally.opportunities["golden_path"]


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def rows(quick: bool) -> list[Row]:
    count, rounds = (20_000, 10) if quick else (100_000, 40)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "live.jsonl") as journal:
        played = Rounds(journal)
        played.judge(played.play(0, 1_000))  # what comes once is not counted
        tracemalloc.start()
        before = allocated()
        recorder = played.play(1, count)
        journal.flush()
        whole = (allocated() - before) / count
        played.judge(recorder)
        del recorder
        before = allocated()
        *_, history = histories(records(journal.path))
        alone = (allocated() - before) / history.deliveries
        del history
        kept = []
        for number in range(2, 2 + rounds):
            played.judge(played.play(number, 1_000))
            journal.flush()
            kept.append(allocated())
        tracemalloc.stop()
        settled = kept[ROUNDS_KEPT + 1 :]
        growth = (settled[-1] - settled[0]) / (len(settled) - 1) / 1_000
        on_disk = journal.path.stat().st_size / played.tally.deliveries
    return [
        Row(f"history of {count:,} live deliveries, bytes each", f"{alone:.1f}", "at most 64", alone <= 64),
        Row("... with all else that is kept until they are judged", f"{whole:.1f}"),
        Row("... after that, with each further round", f"{growth:.2f}", "under 0.1", growth < 0.1),
        Row("... in the journal on disk", f"{on_disk:.0f}"),
    ]


if __name__ == "__main__":
    main(rows)
