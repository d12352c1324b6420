"""Threads instead of tasks."""

import threading


class ThreadedHub:
    sessions = {}

    def __init__(self):
        self.lock = threading.Lock()

    def message_user(self, account_id, message):  # real
        with self.lock:
            targets = list(self.sessions.get(account_id, ()))
        for session in targets:
            session.transport.write(message)

    def message_room(self, room, message):  # real
        for member in self.members(room):
            self.sessions[member].send(message)

    def members(self, room):  # other
        return self.rooms[room]

    @classmethod
    def shout(cls, message):  # other
        for session in cls.sessions.values():
            session.send(message)

    def add(self, account_id, session):  # other
        self.sessions.setdefault(account_id, []).append(session)


class Facade:
    def __init__(self):
        self._hub = ThreadedHub()

    def notify_user(self, account_id, message, *, urgent=False):  # adapter
        if urgent:
            message = {**message, "urgent": True}
        return self._hub.message_user(account_id, message)

    def send_user_event(self, account_id, kind, **fields):  # adapter
        self.notify_user(account_id, {"type": kind, **fields})


class Logged(ThreadedHub):
    def message_user(self, account_id, message):  # adapter
        print(account_id)
        super().message_user(account_id, message)
