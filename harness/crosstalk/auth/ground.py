"""What the refusals stand on: a server, a way to log in, two users, and what is known about both."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from joserfc.jwk import ECKey, RSAKey
from msgspec.structs import replace as changed

from crosstalk.auth.base import AuthenticationFailed, Authenticator, Credential
from crosstalk.auth.carried import Carried
from crosstalk.auth.forged import parts
from crosstalk.auth.knock import Visit, knock
from crosstalk.auth.minted import Minted
from crosstalk.auth.rate import Rate
from crosstalk.auth.redaction import Redactor
from crosstalk.auth.tokens import Token
from crosstalk.model.attempt import DENIAL, Answer
from crosstalk.targets.cause import HttpCall
from crosstalk.targets.greeting import told
from crosstalk.targets.reading import Read

MESSAGE = '{"type":"start_agent","payload":{"user_request":"{text}","thread_id":"{thread}","run_id":"{run}"}}'
FOREIGN = "https://crosstalk-foreign-site.example"


@dataclass(frozen=True, slots=True)
class Site:
    """The server under examination, and how to talk to it.

    `url` may hold {user}. `message` is what a user says to be answered: a template of JSON with {canary} or {text} in
    it, which the server echoes, and {run}, {thread}, {user}; empty where nothing is said. `subscribe` subscribes to a
    channel by name, with {user} in it; so does `hello` each connection, and `subprotocols` are offered on it. `call`
    posts what is said, where that is not said on the connection. `origin` is the server's own site. `patience` is how
    long an answer may take in seconds, `leeway` what the server may add to a token's life, and `life` is that of a
    token that must expire while it is connected: time enough to connect and be served once. `target` is what the
    verdict calls the server. `read` reads what it streams in pieces.
    """

    url: str
    message: str = MESSAGE
    subscribe: str = ""
    origin: str = ""
    patience: float = 2.0
    leeway: float = 5.0
    life: int = 3
    timeout: float = 10.0
    tls: ssl.SSLContext | None = None
    target: str = ""
    call: HttpCall | None = None
    hello: tuple[str, ...] = ()
    subprotocols: tuple[str, ...] = ()
    read: Read | None = None
    identity: tuple[str, ...] = ("user_id", "userId", "user", "uid", "sub")

    def saying(self, user_id: str, mark: str) -> str:
        """What `user_id` says with `mark` in it, its values escaped for JSON."""
        values = {
            "mark": mark,
            "canary": mark,
            "text": f"synthetic message of a Crosstalk test, {mark}",
            "run": f"{mark}-run",
            "thread": f"{mark}-thread",
            "user": user_id,
        }
        return _PLACE.sub(lambda place: json.dumps(values[place[1]])[1:-1], self.message)


_PLACE = re.compile(r"\{(mark|canary|text|run|thread|user)\}")


@runtime_checkable
class Revoking(Protocol):
    """A token source that can take a token back."""

    async def revoke(self, user_id: str, token: Token) -> None: ...


SETTLE, SETTLED = 0.3, 1.0
"""Seconds that a server is given to take the first message in, at least and at most."""

GROWTH, MOST = 2.0, 5.0
"""How much longer bad credentials are given than good ones have needed; and than is declared, at most."""


@dataclass(slots=True)
class Pace:
    """The slowest that the server has been with good users so far, in seconds.

    `greeted` is from the beginning of the connection until all had come that comes unasked, `answered` from what they
    said until all had come that came.
    """

    greeted: float = 0.0
    answered: float = 0.0


@dataclass(slots=True)
class Ground:
    """One refusal's ground: `user` tries, `other` is the user that it tries to be.

    `proof` are the shapes that came each time with good credentials, `echoes` those in which their own words
    came back; `greeting` those that come unasked.
    """

    site: Site
    authenticator: Authenticator
    redactor: Redactor
    user: str
    other: str
    rate: Rate = field(default_factory=Rate)
    logins: Rate = field(default_factory=Rate)
    proof: tuple[str, ...] = ()
    echoes: tuple[str, ...] = ()
    greeting: frozenset[str] = frozenset()
    marks: dict[str, str] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    public_pem: bytes = b""
    jwt: bool = False
    secret: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def patience(self) -> float:
        """How long an answer may take, by what is declared and by what good users have seen."""
        return max(self.site.patience, min(GROWTH * self.pace.answered, MOST * self.site.patience))

    @property
    def settle(self) -> float:
        """How long a server is given to take in what users say first."""
        return min(self.site.patience, max(SETTLE, min(SETTLED, GROWTH * self.pace.greeted)))

    @property
    def source(self) -> Any:
        return self.authenticator.source if isinstance(self.authenticator, Carried) else None

    @property
    def minted(self) -> Minted | None:
        return self.source if isinstance(self.source, Minted) else None

    @property
    def says_who_first(self) -> bool:
        """Whether users say who they are by their first message, so that every connection is open at first."""
        return isinstance(self.authenticator, Carried) and self.authenticator.carrier.kind == "message"

    async def good(self, user_id: str) -> Credential:
        """A good credential. Raises AuthenticationFailed."""
        await self.logins.permit()
        credential = await self.authenticator.login(user_id)
        self.learn(credential)
        return credential

    def learn(self, credential: Credential) -> None:
        self.redactor.learn(*(secret for secret in credential.secrets if len(secret) >= 4))

    def token(self, credential: Credential) -> str:
        """What of a credential is forged: its token, or its one secret."""
        if isinstance(self.authenticator, Carried):
            token = self.authenticator.token_of(credential)
            return token.value if token is not None else ""
        return credential.secrets[0] if credential.secrets else ""

    def carrying(self, credential: Credential, token: str) -> Credential:
        """The same credential with another token in it."""
        if isinstance(self.authenticator, Carried):
            forged = self.authenticator.carrier.credential(credential.user_id, token)
        else:
            forged = credential
            for secret in credential.secrets:
                forged = _substituted(forged, secret, token)
            forged = replace(forged, secrets=(token,) if token else ())
        self.learn(forged)
        return forged

    def mark(self, owner: str) -> str:
        """A fresh mark of `owner`: whoever else hears it hears what is not theirs."""
        mark = f"ctmark{secrets.token_hex(8)}"
        self.marks[mark] = owner
        return mark

    async def visit(self, credential: Credential, **given: Any) -> Visit:
        await self.rate.permit()
        visit = await knock(
            self.site.url,
            replace(credential, subprotocols=(*self.site.subprotocols, *credential.subprotocols)),
            redactor=self.redactor,
            marks=self.marks,
            timeout=self.site.timeout,
            verify=self.site.tls,
            call=self.site.call,
            read=self.site.read,
            **given,
        )
        if credential.first_message is not None:
            # as clients do: servers such as Socket.IO's close on what is said before they know who says it
            await visit.listen(self.settle)
        for message in self.site.hello:
            await visit.say(told(message, credential.user_id))
            await visit.listen(self.settle)
        return visit

    def counted(self, answer: Answer) -> Answer:
        """The answer without what comes unasked, maybe to anybody."""
        if not self.greeting:
            return answer
        return changed(answer, frames=tuple(frame for frame in answer.frames if frame not in self.greeting))

    async def say_something(self, visit: Visit, user_id: str) -> None:
        """What is answered to good users, with a fresh mark of `user_id` in it."""
        if self.site.message:
            await visit.say(self.site.saying(user_id, self.mark(user_id)))

    async def served(self, credential: Credential, **given: Any) -> Answer:
        """How good credentials are answered, until the proof has come; tried once more if it doesn't."""
        known = bool(self.echoes or self.proof)
        seconds = self.patience * (SLOWER if known else 1)
        answer, served = await self._answered(credential, seconds, self._is_served, given)
        if known and not served:
            answer, _ = await self._answered(credential, seconds, self._is_served, given)
        return answer

    async def answered(self, credential: Credential) -> Answer:
        """How good credentials are answered, all that comes for as long as patience says."""
        return (await self._answered(credential, self.site.patience, lambda visit: False, {}))[0]

    async def _answered(
        self, credential: Credential, seconds: float, until: Callable[[Visit], bool], given: Mapping[str, Any]
    ) -> tuple[Answer, bool]:
        """The answer within `seconds`, and whether that sufficed for `until` to be so."""
        visit = await self.visit(credential, **given)
        try:
            asked = time.monotonic() - visit.began
            await self.say_something(visit, credential.user_id)
            await visit.listen(seconds, lambda: until(visit))
            took = [second - asked for shape, second in visit.frames.items() if shape not in self.greeting]
            self.pace.answered = max(self.pace.answered, *took, 0.0)
            return self.counted(visit.answer()), until(visit)
        finally:
            await visit.leave()

    def _is_served(self, visit: Visit) -> bool:
        if self.echoes:
            return not set(self.echoes).isdisjoint(visit.echoed)
        return bool(self.proof) and set(self.proof) <= set(visit.frames)


SLOWER = 3.0
"""How much longer is listened when nothing came in answer: the server, or this machine, may be slow."""


async def calibrate(ground: Ground) -> None:
    """Find out how good users are answered, and what their credentials are. Raises AuthenticationFailed.

    What comes unasked, a greeting or the time of day, may come to anybody, so it proves nothing: good users first say
    nothing at all. Then both say something, twice one after the other. In `echoes` are the frames that brought their
    own words back, in `proof` all that came each time in answer and were no denial.
    """
    first = await ground.good(ground.user)
    token = ground.token(first)
    found = parts(token)
    ground.secret = bool(token)
    ground.jwt = found is not None
    ground.claims = found[1] if found is not None else {}
    ground.public_pem = await _public_pem(ground, token)
    await _listen_and_ask(ground)
    if not ground.proof and not ground.echoes and ground.site.message:
        ground.site = replace(ground.site, patience=ground.site.patience * SLOWER)
        await _listen_and_ask(ground)


async def _listen_and_ask(ground: Ground) -> None:
    users = tuple(dict.fromkeys((ground.user, ground.other)))
    nobody = [Credential(ground.user)] if ground.says_who_first else []
    silent = await asyncio.gather(
        *(_unasked(ground, credential) for credential in [*nobody, *[await ground.good(user) for user in users]])
    )
    ground.greeting = frozenset().union(*silent)
    answers: list[Answer] = []
    for _ in range(2):
        credentials = [await ground.good(user) for user in users]
        answers += await asyncio.gather(*(ground.answered(credential) for credential in credentials))
    for answer in answers:
        if answer.kind != "open":
            denied = answer.status in (401, 403) or answer.code == 1008
            hint = "; is the key right, the carrier the one it reads, and does it ask for an aud or iss?" * denied
            raise AuthenticationFailed(
                f"with good credentials {ground.user!r} was {answer}, so nothing can be said of bad ones{hint}"
            )
    ground.proof = tuple(sorted(set.intersection(*(set(answer.frames) for answer in answers)) - {DENIAL}))
    echoed = [set(answer.echoed) for answer in answers]
    ground.echoes = tuple(sorted(set.intersection(*echoed) or set.union(*echoed)))


async def _unasked(ground: Ground, credential: Credential) -> set[str]:
    """What comes to somebody who says nothing (but who it is)."""
    visit = await ground.visit(credential)
    try:
        await visit.listen(ground.site.patience)
        ground.pace.greeted = max(ground.pace.greeted, *visit.frames.values(), 0.0)
        return set(visit.frames)
    finally:
        await visit.leave()


async def _public_pem(ground: Ground, token: str) -> bytes:
    """The public key that the server verifies RS, PS or ES tokens with, where it is known."""
    if ground.minted is not None:
        return ground.minted.public_pem
    found = parts(token)
    keys = getattr(ground.source, "keys", None)
    if found is None or keys is None:
        return b""
    try:
        for key in (await (await keys()).keys()).keys:
            if key.kid == found[0].get("kid") and isinstance(key, (RSAKey, ECKey)):
                return bytes(key.as_pem(private=False))
    except AuthenticationFailed:
        pass
    return b""


def _substituted(credential: Credential, old: str, new: str) -> Credential:
    def pairs(given: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, value.replace(old, new)) for name, value in given)

    message = credential.first_message
    return replace(
        credential,
        headers=pairs(credential.headers),
        query=pairs(credential.query),
        cookies=pairs(credential.cookies),
        subprotocols=tuple(name.replace(old, new) for name in credential.subprotocols),
        first_message=message.replace(old, new) if message is not None else None,
    )
