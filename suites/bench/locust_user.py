"""The Locust side of `live_against.py`: users who verify what they receive, by websocket-client.

Locust's own statistics are spared: a user fires no event for a message, and one task reads for ever. A greenlet takes
orders: for each line on the control connection the users are sent a batch, and the processor seconds are answered.
"""

from __future__ import annotations

import json
import os
import socket
from itertools import count
from time import process_time

import gevent
from gevent.event import Event
from live_receive import FRAMES, TOKENS, USERS, Tally
from locust import User, events, task
from websocket import WebSocket, create_connection

numbers = count()
sockets: list[WebSocket] = []
done = Event()
tally = Tally(done.set)


class Listener(User):
    def on_start(self) -> None:
        self.number = next(numbers)
        self.socket = create_connection(f"{os.environ['PACED']}?canary={TOKENS[self.number]}")
        sockets.append(self.socket)

    @task
    def listen(self) -> None:
        receive, verify, number = self.socket.recv, tally.bare, self.number
        while True:
            verify(number, receive())


@events.test_start.add_listener
def started(environment: object, **more: object) -> None:
    gevent.spawn(obey)


def obey() -> None:
    while len(sockets) < USERS:
        gevent.sleep(0.05)
    with socket.create_connection(("127.0.0.1", int(os.environ["CONTROL"]))) as control:
        for _ in control.makefile():
            done.clear()
            for user in sockets:
                user.send(json.dumps({"send": FRAMES}))
            began = process_time()
            done.wait()
            control.sendall(b"%.6f\n" % (process_time() - began))
