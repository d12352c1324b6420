"""Two modules that delegate to each other."""

from legacy import loop_b


async def push_to_user(user_id, event):  # adapter
    await loop_b.relay_to_user(user_id, event)
