"""What calls all this."""

from app.ws.odd import deliver
from app.ws.service import BroadcastService, service
from lib.sync_hub import Facade

facade = Facade()
shared = BroadcastService()


async def start_agent(request):  # other
    await service.broadcast_to_user(request.user_id, {"type": "agent_started"})


async def finish_agent(request, result):  # other
    try:
        await deliver(request.user_id, {"type": "agent_completed", "result": result})
    except Exception:
        pass


class Handler:
    async def __call__(self, scope, receive, send):  # other
        await send({"type": "websocket.accept"})

    async def send_message_to_user(self, user_id, message):  # adapter
        try:
            await service.broadcast_to_user(user_id, message)
        except Exception:
            return None

    def get_user_sockets(self, user_id):  # other
        return service._connections.get(user_id, [])

    async def broadcast_event(self, user_id, event):  # real
        for socket in self.get_user_sockets(user_id):
            await socket.send_json(event)
