"""One sabotage per check, applied at the seam between harness and target, on the very target that is judged.

A sabotage changes what a fresh `World` does: `tamper` sees each send (socket serial, payload) and returns the sends to
record in its place; the three calls can be wrapped.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from crosstalk.scenarios.world import PROBING_OTHERS, World


def swap_recipients(world: World) -> None:
    """A frame goes to another user's open connection."""

    def tamper(world: World, serial: int, payload: bytes) -> list[tuple[int, bytes]]:
        user = world.history.episodes[world.wires[serial].episode].user
        for number, socket in world.open.values():
            if world.history.episodes[number].user != user:
                return [(socket._serial, payload)]
        return [(serial, payload)]

    world.tamper = tamper


def drop_one(world: World) -> None:
    """Frames vanish, and their sends succeed."""
    world.tamper = lambda world, serial, payload: []


def repeat_one(world: World) -> None:
    """Each frame is delivered twice."""
    world.tamper = lambda world, serial, payload: [(serial, payload), (serial, payload)]


def alter(world: World) -> None:
    """A field of the event changes on its way."""

    def tamper(world: World, serial: int, payload: bytes) -> list[tuple[int, bytes]]:
        return [(serial, payload.replace(b"for ", b"four "))]

    world.tamper = tamper


def rename_type(world: World) -> None:
    """One event type of the run arrives as another: with the default grammar, the completion as another start."""
    grammar = world.guarantees.grammar
    before, after = (type_.encode() for type_ in grammar.spoiling(grammar.words()[-1]) or ("", ""))
    quoted = re.compile(rb'(?<=")' + re.escape(before) + rb'(?=\\?")')

    def tamper(world: World, serial: int, payload: bytes) -> list[tuple[int, bytes]]:
        if world.known is not None and world.phase != PROBING_OTHERS:
            return [
                (serial, payload)
            ]  # where runs have no ids, one that is spoiled makes the user's later ones unclear
        changed = quoted.sub(after, payload)
        if changed == payload and len(before) > 7:  # not JSON
            changed = payload.replace(before, after)
        return [(serial, changed)]

    world.tamper = tamper


def misname_owner(world: World) -> None:
    """The envelope names another user."""

    def tamper(world: World, serial: int, payload: bytes) -> list[tuple[int, bytes]]:
        first, second = world.program.users[:2]
        mine = world.program.users[world.history.episodes[world.wires[serial].episode].user]
        other = second if mine == first else first
        named = re.compile(rf'(:\s*\\?"){re.escape(mine)}(?=\\?")'.encode())
        return [(serial, named.sub(rf"\g<1>{other}".encode(), payload))]

    world.tamper = tamper


def reorder_two(world: World) -> None:
    """The first frame on each socket is kept back until after the second."""
    kept: dict[int, bytes] = {}

    def tamper(world: World, serial: int, payload: bytes) -> list[tuple[int, bytes]]:
        frame = world.history.frames[world.frames.of(payload)]
        if not (frame.carried or frame.others or frame.type in world.guarantees.grammar.alphabet):
            return [(serial, payload)]
        if serial not in kept:
            kept[serial] = payload
            return []
        earlier, kept[serial] = kept[serial], b""
        return [(serial, payload), (serial, earlier)] if earlier else [(serial, payload)]

    world.tamper = tamper


def send_after_close(world: World) -> None:
    """After a disconnect has returned, one more frame goes to that connection."""
    disconnect = world.do_disconnect

    async def wrapped(device: int, gone: bool = False, *then: Callable[[], None]) -> None:
        entry = world.open.get(device)
        await disconnect(device, gone, *then)
        if entry is not None:
            world.record(entry[1]._serial, b"{}", 1)

    world.do_disconnect = wrapped  # type: ignore


def overcount(world: World) -> None:
    """A publish claims more connections than there ever were."""
    publish = world.publish

    async def wrapped(user: str, given: Any) -> int:
        value = publish(user, given)
        if hasattr(value, "__await__"):
            await value
        return 1_000

    world.publish = wrapped


def hold_others(world: World) -> None:
    """Publishing waits for a lock that a stalled connection's publish never gives back."""
    publish = world.publish
    lock = asyncio.Lock()

    async def wrapped(user: str, given: Any) -> Any:
        async with lock:
            while any(w.stalled for w in world.wires):
                await asyncio.sleep(1.0)  # until the end of the stall, even if the broadcaster closes the connection
            value = publish(user, given)
            return await value if hasattr(value, "__await__") else value

    world.publish = wrapped


def raise_out(world: World) -> None:
    """A publish raises."""

    async def wrapped(user: str, given: Any) -> Any:
        raise LookupError("sabotage")

    world.publish = wrapped


def leave_tasks(world: World) -> None:
    """Every connect starts a task that nobody ends."""
    connect = world.connect

    async def idle() -> None:
        await asyncio.get_running_loop().create_future()

    async def wrapped(user: str, given: Any) -> Any:
        asyncio.ensure_future(idle())  # noqa: RUF006 - the loop of the run keeps it
        value = connect(user, given)
        return await value if hasattr(value, "__await__") else value

    world.connect = wrapped


def hoard(world: World) -> None:
    """Something is kept for every connection that ever was."""
    connect = world.connect

    async def wrapped(user: str, given: Any) -> Any:
        world.hoard.append([user])
        value = connect(user, given)
        return await value if hasattr(value, "__await__") else value

    world.connect = wrapped


SABOTAGE: tuple[tuple[str, Callable[[World], None]], ...] = (
    ("isolation", swap_recipients),
    ("ownership", misname_owner),
    ("integrity", alter),
    ("ghost", send_after_close),
    ("duplicate", repeat_one),
    ("order", reorder_two),
    ("delivery", drop_one),
    ("golden_path", rename_type),
    ("blocking", hold_others),
    ("truthful_count", overcount),
    ("crash", raise_out),
    ("cleanup", leave_tasks),
    ("cleanup", hoard),
)
