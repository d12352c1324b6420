"""Where an application makes the events itself: one run's history as a live one, which the live checks read.

A user's message makes it run an agent, as on a system that we don't own; so each event is laid to a run as there: by a
canary, an id that only its owner was told, or by being the only run under way. Times are logical. What comes after rest
is not taken in: the runs that the last probes start may still go on when all is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstalk.model import live_history as live
from crosstalk.model.history import ACCEPTED, NEVER, Answers, Call, Episode
from crosstalk.scenarios.live.record import Recorder

if TYPE_CHECKING:
    from crosstalk.scenarios.world import World


def answers(world: World) -> Answers | None:
    """None where the run never came to rest."""
    history, known, read = world.history, world.known, world.adapter.read
    if history.rest == NEVER or known is None or read is None:
        return None
    made = live.LiveHistory(history.users, world.run_id, history.guarantees.grammar, seconds=False)
    made.episodes = [_episode(episode, history.rest) for episode in history.episodes]
    made.final_quiet = history.rest
    recorder = Recorder(known, read, made)
    said = iter([call for call in history.calls if call.kind == "publish" and call.started < history.rest])
    call = next(said, None)
    rows: list[int] = []
    for row, start in enumerate(history.send_start):
        if start > history.rest:
            break
        while call is not None and call.started < start:
            _ask(recorder, call)
            call = next(said, None)
        if history.send_status[row] == ACCEPTED:
            recorder.receive(history.send_episode[row], start, world.frames.payloads[history.send_frame[row]])
            rows += [row] * (made.deliveries - len(rows))
    while call is not None:
        _ask(recorder, call)
        call = next(said, None)
    recorder.settle()
    return Answers(made, tuple(rows))


def _ask(recorder: Recorder, call: Call) -> None:
    """Each call is of a content of its own, and in their order: a run has its content's number."""
    run = len(recorder.history.runs)
    recorder.apply("run", call.user, run, call.episode, call.started)
    begun = call.status == ACCEPTED or call.episode >= 0
    recorder.apply("asked", run, call.returned, live.STARTED if begun else live.NOT_STARTED, call.error)


def _episode(episode: Episode, rest: int) -> live.LiveEpisode:
    made = live.LiveEpisode(episode.user, int(episode.device.rpartition("/")[2]), episode.connecting, answered=True)
    made.connected, made.leaving, made.left = (
        live.NEVER if time == NEVER else time for time in (episode.connected, episode.leaving, episode.left)
    )
    made.excused = episode.excused if episode.excused <= rest else live.NEVER
    return made
