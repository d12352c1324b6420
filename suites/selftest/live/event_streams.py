"""The demonstration chat as Starlette serves event streams: GET /events is the stream, POST /ask starts a run."""

import asyncio
import contextlib
import json
import socket

import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from planted import HeldCurrentUser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from crosstalk.demo.chat import Chat


class Stream:
    """What is to be sent to one stream."""

    def __init__(self, user):
        self.user = user
        self.queue = asyncio.Queue()


class Streams(Chat):
    """Correct: events have a name and an id, and whoever comes back is sent what it missed."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.kept = []
        self.asked_for = []

    def user_of(self, request: Request):
        class Asked:
            headers = request.headers
            path = f"/?token={request.cookies.get('token', '')}&{request.url.query}"

        return super().user_of(Asked)

    async def events(self, request):
        user = self.user_of(request)
        if user is None:
            return Response("log in first", 401)
        stream = Stream(user)
        since = request.headers.get("last-event-id", "")
        self.asked_for.append(since)
        for number, whose, event in self.kept if since else ():
            if number > int(since) and self.missed(user, whose):
                stream.queue.put_nowait((number, event))
        self.enter(stream)
        return StreamingResponse(self.sent_on(stream), media_type="text/event-stream")

    def missed(self, user, whose):
        return user == whose

    async def sent_on(self, stream):
        try:
            yield ": welcome\n\n"
            while True:
                yield self.written(*await stream.queue.get())
        finally:
            self.leave(stream)

    def written(self, number, event):
        data = json.dumps({key: value for key, value in event.items() if key != "type"}, indent=1)
        lines = "\n".join(f"data: {line}" for line in data.splitlines())
        return f"id: {number}\nevent: {event['type']}\n{lines}\n\n"

    def publish(self, user, event):
        self.kept.append((len(self.kept) + 1, user, event))
        super().publish(user, event)

    def send(self, stream, event):
        stream.queue.put_nowait((len(self.kept), event))

    async def ask(self, request):
        user = self.user_of(request)
        if user is None:
            return Response("log in first", 401)
        body = await request.json()
        task = asyncio.create_task(self.run(self.asking(user, body), body["message"], body["run_id"], "thread"))
        self.runs.add(task)
        task.add_done_callback(self.runs.discard)
        return Response(status_code=202)

    def asking(self, user, body):
        return user

    @contextlib.asynccontextmanager
    async def serving(self):
        app = Starlette(routes=[Route("/events", self.events), Route("/ask", self.ask, methods=["POST"])])
        async with served(app, self.listening):
            yield f"{self.url}/events"
            for task in list(self.runs):
                task.cancel()


class HoldsUser(HeldCurrentUser, Streams):
    """Who is being served is kept in an attribute, across an await."""


class SharesMissed(Streams):
    """Whoever comes back is sent what anybody missed."""

    def missed(self, user, whose):
        return True


class BelievesAnybody(Streams):
    """Tokens never expire, and a run is for whomever the call names."""

    def user_of(self, request):
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        with contextlib.suppress(JoseError, ValueError):
            return jwt.decode(token, self.key, algorithms=["HS256"]).claims["sub"]

    def asking(self, user, body):
        return body["user_id"]


class Unnamed(Streams):
    """Correct; events have neither name nor id, and there is text between them."""

    def written(self, number, event):
        return f"data: ping\n\nretry: 10\ndata:{json.dumps(event)}\r\n\r\n"


class Answers(Streams):
    """Correct: POST /ask is answered by the run itself, as an event stream."""

    async def ask(self, request):
        user = self.user_of(request)
        if user is None:
            return Response("log in first", 401)
        payload = (await request.json())["payload"]
        return self.answer(self.events_of(user, payload))

    def answer(self, events):
        async def written():
            async for event in events:
                yield f"data: {json.dumps(event)}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(written(), media_type="text/event-stream")

    def pipe(self, run):
        """Where the agent that works on `run` puts its events."""
        return self.devices.setdefault(run, asyncio.Queue())

    def publish(self, user, event):
        self.pipe(event["run_id"]).put_nowait(event)

    async def events_of(self, user, payload):
        run = payload["run_id"]
        task = asyncio.create_task(self.run(user, payload["user_request"], run, payload["thread_id"]))
        self.runs.add(task)
        task.add_done_callback(self.runs.discard)
        event = {"type": ""}
        while event["type"] != "agent_completed":
            event = await self.pipe(run).get()
            yield event

    @contextlib.asynccontextmanager
    async def serving_answers(self):
        async with self.serving():
            yield f"{self.url}/ask"


class OnePipe(Answers):
    """One request after the other has the pipe to the agents; what is left in it by one goes to the next."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.taken = asyncio.Lock()

    def pipe(self, run):
        return super().pipe("")

    async def events_of(self, user, payload):
        async with self.taken:
            async for event in super().events_of(user, payload):
                yield event


class Whole(Answers):
    """Correct: POST /ask is answered when the run is over, by all of its events."""

    def answer(self, events):
        return AtItsEnd(events)


class AtItsEnd(Response):
    def __init__(self, events):
        super().__init__()
        self.events = events

    async def __call__(self, scope, receive, send):
        await JSONResponse([event async for event in self.events])(scope, receive, send)


@contextlib.asynccontextmanager
async def served(app, listening):
    """`app` served by uvicorn."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1, ws="websockets-sansio")
    )
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await serving
