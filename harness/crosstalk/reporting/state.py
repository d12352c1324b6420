"""Where everybody stands at one moment of a scene: open connections, sends that wait, calls that have not returned."""

from __future__ import annotations

from crosstalk.model.scene import Scene
from crosstalk.reporting.legible import name


def states(scene: Scene, at: int) -> dict[str, str]:
    """By the user's name as it is shown: a line of what is open and what is under way just after logical time `at`."""
    told: dict[str, str] = {}
    for number, user in enumerate(scene.users):
        parts = []
        for place, connection in enumerate(scene.connections):
            if connection.user != number or not 0 <= connection.connected <= at:
                continue
            if 0 <= connection.left <= at:
                continue
            waiting = [
                " and ".join(f"#{e}" for e in a.events or a.quoted) or "a frame"
                for a in scene.arrivals
                if a.connection == place and a.started <= at and (a.ended < 0 or a.ended > at)
            ]
            state = "leaving" if 0 <= connection.leaving <= at else "open"
            if 0 <= connection.excused <= at:
                state += ", out of order"
            held = f", waiting for the answer to {', '.join(waiting)}" if waiting else ""
            parts.append(f"{name(connection.device)} {state} on socket {connection.socket}{held}")
        parts += [
            f"{act.kind}{f' of #{act.event}' if act.event >= 0 else ''} not returned"
            for act in scene.acts
            if act.user == number and act.started <= at and (act.returned < 0 or act.returned > at)
        ]
        told[name(user)] = "; ".join(parts) or "nothing open, nothing under way"
    return told
