"""How users log in to an application in memory: `--auth` as against a live system, where that takes no network."""

from __future__ import annotations

from dataclasses import replace

from crosstalk.auth.base import Authenticator, Credential
from crosstalk.auth.carried import Carried
from crosstalk.auth.configured import KINDS, configured

WITHOUT_NETWORK = ("none", "jwt", "token")


def authenticator(auth: str) -> Authenticator | None:
    """Of what stands in `--auth`; None for nothing. Raises ValueError with one sentence."""
    if not auth:
        return None
    kind = auth.split(maxsplit=1)[0].partition(":")[0]
    if kind in KINDS and kind not in WITHOUT_NETWORK:
        raise ValueError(f"--auth {kind} logs in elsewhere, which no run in memory does: give --token module:function")
    return configured(auth).authenticator


async def log_in(made: Authenticator, user_id: str) -> Credential:
    """A credential of which nothing is remembered: it would be taken for memory that the application keeps."""
    return await (Carried(made.source, made.carrier) if isinstance(made, Carried) else made).login(user_id)


def both(own: Credential, given: Credential) -> Credential:
    """What a connection carries by its own options, and by its user's log-in; the first message is the log-in's."""
    return replace(
        own,
        headers=(*given.headers, *own.headers),
        subprotocols=(*own.subprotocols, *given.subprotocols),
        query=(*own.query, *given.query),
        cookies=(*own.cookies, *given.cookies),
        first_message=own.first_message if given.first_message is None else given.first_message,
    )


__all__ = ["authenticator", "both", "log_in"]
