"""Ways to reach a broadcaster."""
