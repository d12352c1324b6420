"""What each check holds a broadcaster to, in a sentence, and how bad it is to break it."""

from __future__ import annotations

RULES = {
    "isolation": "No user is ever sent what belongs to another user.",
    "ownership": "The envelope of an event names the user who receives it.",
    "integrity": "An event arrives as it was published.",
    "ghost": "Nothing is sent to a connection once its disconnect has returned.",
    "duplicate": "Each connection is sent an event once.",
    "order": "A connection is sent a user's events in the order in which they were published.",
    "delivery": "Every event reaches every open, healthy connection of its user.",
    "golden_path": "An agent run arrives complete and in Golden Path order.",
    "blocking": "One user's slow connection holds up nobody else.",
    "truthful_count": "A count of deliveries that is returned is true.",
    "crash": "Calls into the broadcaster return, and raise nothing unasked.",
    "cleanup": "Nothing is kept for users who have gone.",
    "authentication": "Who has no valid credentials is refused, and nobody acts or hears as somebody else.",
    "protocol": "What the server sends is WebSocket, and can be read.",
    "success": "Enough of the log-ins, connections and runs that are tried succeed.",
    "latency": "The first event of a run comes within the declared time, for 95 % of them.",
    "reconnect": "Who connects again is connected within the declared time, in 95 % of cases.",
}
CATEGORIES = {
    "isolation": "leak",
    "ownership": "leak",
    "ghost": "leak",
    "order": "order",
    "golden_path": "order",
    "duplicate": "order",
    "delivery": "loss",
    "integrity": "loss",
    "blocking": "held up",
    "truthful_count": "untruth",
    "crash": "crash",
    "cleanup": "remains",
    "authentication": "leak",
    "protocol": "crash",
    "success": "loss",
    "latency": "held up",
    "reconnect": "held up",
}
SEVERITIES = {
    "isolation": "blocker",
    "ownership": "blocker",
    "ghost": "critical",
    "integrity": "critical",
    "delivery": "critical",
    "order": "critical",
    "golden_path": "critical",
    "duplicate": "normal",
    "blocking": "critical",
    "truthful_count": "minor",
    "crash": "critical",
    "cleanup": "normal",
    "authentication": "blocker",
    "protocol": "critical",
    "success": "critical",
    "latency": "normal",
    "reconnect": "normal",
}
"""In Allure's words."""


def rule(check: str) -> str:
    """The sentence of `check`; of an unknown one, its name."""
    return RULES.get(check, f"The check {check!r} holds.")
