from legacy import loop_a


async def relay_to_user(user_id, event):  # adapter
    await loop_a.push_to_user(user_id, event)
