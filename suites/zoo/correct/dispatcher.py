"""Every user has a mailbox. One dispatcher goes round the mailboxes that have something in them, takes one event out of
each in turn, and leaves each send to a task of its own; it ends when all mailboxes are empty."""

import asyncio
import copy
from collections import deque


class Mailbox:
    def __init__(self):
        self.mail = deque()
        self.readers = {}


class Dispatcher:
    def __init__(self):
        self.mailboxes = {}
        self.round = deque()
        self.task = None

    async def attach(self, client, user):
        self.mailboxes.setdefault(user, Mailbox()).readers.setdefault(client, set())

    async def detach(self, client, user):
        mailbox = self.mailboxes.get(user)
        if mailbox is not None:
            for send in mailbox.readers.pop(client, ()):
                send.cancel()
            if not mailbox.readers:
                del self.mailboxes[user]
                mailbox.mail.clear()

    async def deliver(self, user, event):
        mailbox = self.mailboxes.get(user)
        if mailbox is None:
            return
        mailbox.mail.append((copy.deepcopy(event), tuple(mailbox.readers)))
        self.round.append(mailbox)
        if self.task is None:
            self.task = asyncio.create_task(self._dispatch())

    async def _dispatch(self):
        while self.round:
            mailbox = self.round.popleft()
            if mailbox.mail:
                event, clients = mailbox.mail.popleft()
                for client in clients:
                    sends = mailbox.readers.get(client)
                    if sends is not None:
                        send = asyncio.create_task(self._send(client, event))
                        sends.add(send)
                        send.add_done_callback(sends.discard)
            await asyncio.sleep(0)
        self.task = None

    async def _send(self, client, event):
        try:
            await client.send_json(event)
        except (RuntimeError, ConnectionError):
            pass


def create():
    return Dispatcher()
