"""Publish and subscribe: a user is a topic, subscribing gives a token, and only the token unsubscribes. A subscription
that ended during a round gets nothing more of that round."""

import copy
import itertools


class Topics:
    def __init__(self):
        self.tokens = itertools.count(1)
        self.subscriptions = {}
        self.topics = {}

    async def subscribe(self, topic, websocket):
        token = next(self.tokens)
        self.subscriptions[token] = (topic, websocket)
        self.topics.setdefault(topic, {})[token] = websocket
        return token

    async def unsubscribe(self, token):
        topic, _ = self.subscriptions.pop(token, (None, None))
        members = self.topics.get(topic)
        if members is not None:
            members.pop(token, None)
            if not members:
                del self.topics[topic]

    async def publish(self, topic, message):
        message = copy.deepcopy(message)
        sent = 0
        for token in list(self.topics.get(topic, ())):
            if token not in self.subscriptions:
                continue
            try:
                await self.subscriptions[token][1].send_json(message)
                sent += 1
            except (RuntimeError, ConnectionError):
                pass
        return sent


def create():
    return Topics()
