"""Is the pool of connections whole, when hundreds have been made, some have ended and some were made again?

Users connect two devices each; of some users one device leaves, of some both, and of some the peer vanishes and comes
back. Then everybody is sent an event. So the pool is asked from outside, whatever it consists of and is called: each
open connection is sent its event exactly once, those of departed users none, and a count that a publish returns is no
more than the user's connections. The checks of any run judge that, with all their excuses.

Where the registry is named (an attribute of the broadcaster, or a method without parameters), it is compared with what
is open as well, before and after: each connection exactly once, none that has ended; a number must be theirs. Its
dicts, lists, tuples and sets are gone through, and objects in them that hold a connection count as that connection.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from typing import Any

from crosstalk.checks import CHECKS
from crosstalk.consolidation.applications import refuse_applications
from crosstalk.examination import Examination
from crosstalk.model.identity import identities
from crosstalk.model.soak import Pool
from crosstalk.scenarios.program import AnyStep, Census, Connect, Disconnect, Program, Publish, Wait
from crosstalk.scenarios.socket import Socket
from crosstalk.scenarios.world import World
from crosstalk.schedule.strategies.plain import Plain
from crosstalk.targets.loader import TargetError

USERS = 240
APART = 60.0
"""Virtual seconds from one phase to the next."""
_JUDGING = ("isolation", "delivery", "duplicate", "ghost", "truthful_count")
_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_DEEP = 4


def pool(examination: Examination, users: int = USERS) -> tuple[Pool | None, tuple[str, ...]]:
    """What is wrong with the pool, or why that could not be told. Raises TargetError for a registry that is none."""
    if examination.unread:
        return None, (f"the pool of connections was not looked at: {examination.unread}",)
    registry = examination.names.get("registry", "")
    if registry:
        refuse_applications("a registry is an attribute of a broadcaster", examination)
    look = _Look(registry)
    history = examination.world(_program(users), Plain(), sabotage=look.attach).history
    if look.mistake:
        raise TargetError(f"{examination.target}: {look.mistake}")
    if history.crashes:
        return None, (f"the pool of connections was not looked at: {history.crashes[0]}",)
    judging = [name for name in _JUDGING if name not in examination.exempt]
    wrong = [f"{name}: {found.message}" for name in judging for found in CHECKS[name](history).violations[:1]]
    ended = sum(episode.left < history.final_quiet for episode in history.episodes)
    made = sum(not episode.refused for episode in history.episodes)
    return Pool(made, ended, made - ended, (*look.wrong, *wrong), look.compared), ()


def _program(users: int) -> Program:
    tracks: list[tuple[AnyStep, ...]] = [(Wait(APART), Census(), Wait(APART), Census())]
    for user in range(users):
        first, second = 2 * user, 2 * user + 1
        later: tuple[tuple[AnyStep, ...], ...] = (
            (),
            (Disconnect(second),),
            (Disconnect(first, gone=True), Connect(first)),
            (Disconnect(first), Disconnect(second)),
        )
        tracks.append((Connect(first), Connect(second), Wait(1.5 * APART), *later[user % len(later)]))
        tracks.append((Wait(2.5 * APART), Publish(user)))
    return Program(identities("plain", users), tuple(device // 2 for device in range(2 * users)), tuple(tracks))


class _Look:
    """Compares the registry `name` with what is open, at each census of a run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wrong: list[str] = []
        self.mistake = ""
        self.compared = ""

    def attach(self, world: World) -> None:
        def look() -> None:
            if self.name and not (self.mistake or self.wrong):
                self._compare(world)

        world.do_census = look  # type: ignore[method-assign]

    def _compare(self, world: World) -> None:
        held = getattr(world.broadcaster, self.name, None)
        try:
            if callable(held):
                held = held()
        except Exception as error:
            self.mistake = f"{self.name}() raised {type(error).__name__}: {error}"
            return
        there = [socket for _, socket in world.open.values()]
        owed = {socket for socket in there if not world.is_dead(socket._serial)}
        if isinstance(held, int):
            if not len(owed) <= held <= len(there):
                self.wrong.append(f"registry: {self.name} is {held:,} where {len(owed):,} connections are open")
            self.compared = f"{self.name}: {held:,}"
            return
        found = Counter(connections(held)) if isinstance(held, _CONTAINERS) else Counter()
        if owed and not found:
            self.mistake = (
                f"its registry {self.name} holds no connection: name an attribute, or a method without parameters, "
                "that gives a dict, list or set of them, or their number"
            )
            return
        for words, count in (
            ("is without {} of {:,} open connections", len(owed - found.keys())),
            ("holds {} of {:,} open connections more than once", sum(found[socket] > 1 for socket in owed)),
            ("holds {} connections that have ended, beside {:,} that are open", len(found.keys() - {*there})),
        ):
            if count:
                self.wrong.append(f"registry: {self.name} {words.format(f'{count:,}', len(owed))}")
        self.compared = f"{self.name}: {len(found):,} connections"


def connections(held: Any) -> list[Socket]:
    """The connections in a registry, each as often as it is entered."""
    if isinstance(held, Socket):
        return [held]
    if isinstance(held, dict):
        return [
            found for key, value in held.items() for found in ([key] if isinstance(key, Socket) else connections(value))
        ]
    if isinstance(held, _CONTAINERS):
        return [found for item in held for found in connections(item)]
    return [*dict.fromkeys(_within(held, _DEEP))]


def _within(item: Any, depth: int) -> Collection[Socket]:
    """The connections that an object of the broadcaster's own holds in its attributes."""
    if isinstance(item, Socket):
        return (item,)
    if not depth or isinstance(item, (str, bytes, int, float, type, *_CONTAINERS)):
        return ()
    slots = [slot for kind in type(item).__mro__ for slot in getattr(kind, "__slots__", ()) if isinstance(slot, str)]
    held = [*getattr(item, "__dict__", {}).values(), *(getattr(item, slot, None) for slot in slots)]
    return [found for value in held for found in _within(value, depth - 1)]
