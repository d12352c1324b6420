"""The demonstration chat with one defect each, as such code goes wrong in practice; and correct ones that differ."""

import asyncio
import base64
import contextlib
import contextvars
import json
import socket
import time
import uuid
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed

from crosstalk.demo.chat import Chat


class HeldCurrentUser(Chat):
    """Who is being served is kept in an attribute, across an await."""

    async def run(self, user, text, run, thread):
        self.current = user
        await super().run(user, text, run, thread)

    def publish(self, user, event):
        super().publish(self.current, event)


class EverybodyWhenAbsent(Chat):
    """An event for a user without a connection goes to everybody."""

    def audience(self, user):
        return super().audience(user) or [device for devices in self.devices.values() for device in devices]


class LastDeviceOnly(Chat):
    def audience(self, user):
        return super().audience(user)[-1:]


class TabClose(Chat):
    """A device that leaves takes its siblings' subscriptions along."""

    def leave(self, device):
        self.devices.pop(device.user, None)


class Newcomers(Chat):
    """Whoever connects is shown the latest event, whosever it was."""

    latest = None

    def enter(self, device):
        super().enter(device)
        if self.latest is not None:
            self.send(device, self.latest)

    def publish(self, user, event):
        self.latest = event
        super().publish(user, event)


class Misnamed(Chat):
    """The envelope names whoever asked last."""

    async def run(self, user, text, run, thread):
        self.asked = user
        await super().run(user, text, run, thread)

    def event(self, kind, user, run, thread, payload):
        return super().event(kind, self.asked, run, thread, payload)


class ForgetsToFinish(Chat):
    """Every fifth run ends without its last event."""

    count = 0

    async def run(self, user, text, run, thread):
        self.count += 1
        self.dropped = getattr(self, "dropped", set()) | ({run} if self.count % 5 == 0 else set())
        await super().run(user, text, run, thread)

    def publish(self, user, event):
        if event["type"] != "agent_completed" or event["run_id"] not in self.dropped:
            super().publish(user, event)


class StandsStill(Chat):
    """Correct, but the first run keeps the thread for longer than a run may take, and so holds up its client too."""

    seconds = 2.4
    held = False

    def publish(self, user, event):
        super().publish(user, event)
        if not self.held and event["type"] == "agent_thinking":
            self.held = True
            time.sleep(self.seconds)


class ToolsBackwards(Chat):
    """A tool is said to be completed before it is said to be executing."""

    def event(self, kind, user, run, thread, payload):
        swapped = {"tool_executing": "tool_completed", "tool_completed": "tool_executing"}
        return super().event(swapped.get(kind, kind), user, run, thread, payload)


class Numbered(Chat):
    """Correct; events are numbered within their run."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.numbers = {}

    def event(self, kind, user, run, thread, payload):
        self.numbers[run] = self.numbers.get(run, 0) + 1
        return {**super().event(kind, user, run, thread, payload), "seq": self.numbers[run]}


class SaysTwice(Numbered):
    def publish(self, user, event):
        super().publish(user, event)
        if event["seq"] == 2:
            super().publish(user, event)


class LateThought(Numbered):
    """The second event of a run comes after the third."""

    held = None

    def publish(self, user, event):
        if event["seq"] == 2:
            self.held = self.held or {}
            self.held[event["run_id"]] = event
            return
        super().publish(user, event)
        if self.held and event["run_id"] in self.held:
            super().publish(user, self.held.pop(event["run_id"]))


class NoEcho:
    """Events do not repeat what the user wrote."""

    def event(self, kind, user, run, thread, payload):
        return super().event(kind, user, run, thread, {"reasoning": "thinking", "tool_name": "search"})


class OwnRunIds:
    """Runs are given ids by the server."""

    async def run(self, user, text, run, thread):
        await super().run(user, text, str(uuid.uuid4()), thread)


class SharedRunIds:
    """What is called a run id is the same for everybody."""

    number = str(uuid.uuid4())

    async def run(self, user, text, run, thread):
        await super().run(user, text, self.number, thread)


class OnlyEnvelope:
    """No ids but the user's; the run is told by nothing."""

    def event(self, kind, user, run, thread, payload):
        return {"type": kind, "user_id": user, "data": {"text": "working"}}


class NothingTells:
    def event(self, kind, user, run, thread, payload):
        return {"type": kind}


class TokenStream:
    """Most of what is streamed tells nothing; what the user wrote comes back once."""

    def event(self, kind, user, run, thread, payload):
        return {"type": kind, "token": payload.get("reasoning", "...")}


class NoEchoRight(NoEcho, Chat):
    pass


class NoEchoLeak(NoEcho, HeldCurrentUser):
    pass


class OwnIdsRight(OwnRunIds, Chat):
    pass


class OwnIdsLeak(OwnRunIds, HeldCurrentUser):
    pass


class SharedIdsRight(SharedRunIds, Chat):
    pass


class EnvelopeRight(OnlyEnvelope, Chat):
    pass


class EnvelopeLeak(OnlyEnvelope, HeldCurrentUser):
    pass


class NothingRight(NothingTells, Chat):
    pass


class TokensRight(TokenStream, Chat):
    pass


class TokensLeak(TokenStream, HeldCurrentUser):
    pass


ASKING = contextvars.ContextVar("asking")


class SenderOnly(Chat):
    """Correct; only the connection that asked is answered."""

    def received(self, device, message):
        ASKING.set(device)
        super().received(device, message)

    def audience(self, user):
        return [device for device in super().audience(user) if device is ASKING.get()]


class OneSession(Chat):
    """Correct; a user has one connection, and a new one takes the place of the old."""

    def enter(self, device):
        for old in self.devices.pop(device.user, ()):
            self.closing = asyncio.ensure_future(old.connection.close(4001, "replaced"))
        super().enter(device)


class AsksToComeLater(Chat):
    """Correct; every third upgrade is answered 429."""

    upgrades = 0

    def admit(self, connection, request):
        self.upgrades += 1
        if self.upgrades % 3 == 0:
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "later\n")
        return super().admit(connection, request)


class Remembers(Chat):
    """Correct; whoever connects is shown all of its own events so far, also of long ago."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.history = {}

    def enter(self, device):
        super().enter(device)
        for event in self.history.get(device.user, [])[-60:]:
            self.send(device, {**event, "type": "history", "was": event["type"]})

    def publish(self, user, event):
        self.history.setdefault(user, []).append(event)
        super().publish(user, event)


class ReplaysToDevices(Remembers):
    """Correct; what is shown again keeps its type."""

    def enter(self, device):
        Chat.enter(self, device)
        for event in self.history.get(device.user, [])[-60:]:
            self.send(device, event)


class Batches(Chat):
    """Correct; events that come together are sent as one array, each run ends with what it cost, and there are
    heartbeats that are no JSON."""

    def send(self, device, event):
        waiting = device.__dict__.setdefault("waiting", [])
        if not waiting:
            asyncio.get_running_loop().call_later(0.02, self.flush, device)
        waiting.append(event)
        if event["type"] == "agent_completed":
            waiting.append({**event, "type": "cost"})

    def flush(self, device):
        events, device.waiting[:] = list(device.waiting), []
        device.queue.put_nowait(json.dumps(events))
        device.queue.put_nowait("ping")


class ShowsTokens(HeldCurrentUser):
    """Leaks, and what it leaks shows the token that its receiver logged in with, in several forms."""

    def event(self, kind, user, run, thread, payload):
        token = self.tokens.get(user, "")
        shown = {"authorization": f"Bearer {token}", "basic": base64.b64encode(token.encode()).decode()}
        return super().event(kind, user, run, thread, {**payload, **shown})

    def admit(self, connection, request):
        self.tokens = getattr(self, "tokens", {})
        self.tokens[self.user_of(request)] = request.headers["Authorization"].removeprefix("Bearer ")
        return super().admit(connection, request)


class SmallBuffers(Chat):
    """Correct; the kernel takes little of what is sent to who does not read, as between distant machines."""

    def enter(self, device):
        transport = device.connection.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(high=1024)
        super().enter(device)


class OneWriter(SmallBuffers):
    """One writer for everybody, which waits for whoever does not read."""

    queue = None

    def send(self, device, event):
        if self.queue is None:
            self.queue = asyncio.Queue()
            self.writer = asyncio.ensure_future(self.write())
        self.queue.put_nowait((device, json.dumps(event)))

    async def write(self):
        while True:
            device, text = await self.queue.get()
            with contextlib.suppress(ConnectionClosed):
                await device.connection.send(text)


class CountsClosings(Chat):
    """Correct, and slow; remembers how its connections ended."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.codes = []

    async def connected(self, connection):
        await super().connected(connection)
        await connection.wait_closed()
        self.codes.append(connection.close_code)
