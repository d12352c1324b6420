"""An agent chat on python-socketio with its Redis manager, under uvicorn. PORT SECRET REDIS-URL correct|leaky

A room a user; whichever process serves the run emits to the room. leaky: who is being served is kept in a global while
the agent thinks, so that of two users who ask at the same time one is sent the other's events.
"""

import asyncio
import random
import sys

import jwt
import socketio
import uvicorn

PORT, SECRET, REDIS, VARIANT = sys.argv[1:]
EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
server = socketio.AsyncServer(
    async_mode="asgi", client_manager=socketio.AsyncRedisManager(REDIS), cors_allowed_origins="*"
)
serving = None


@server.event
async def connect(sid, environ, auth):
    options = {"require": ["exp", "sub"]}
    try:
        user = jwt.decode((auth or {}).get("token", ""), SECRET, algorithms=["HS256"], options=options)["sub"]
    except jwt.PyJWTError:
        raise ConnectionRefusedError("unauthorized") from None
    await server.save_session(sid, {"user": user})
    await server.enter_room(sid, user)


@server.event
async def start_agent(sid, data):
    global serving
    user = serving = (await server.get_session(sid))["user"]
    for kind in EVENTS:
        await asyncio.sleep(random.uniform(0.002, 0.006))
        event = {"user_id": user, "run_id": data["run_id"], "text": data["user_request"]}
        await server.emit(kind, event, room=serving if VARIANT == "leaky" else user)


if __name__ == "__main__":
    app = socketio.ASGIApp(server)
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning", lifespan="off")
