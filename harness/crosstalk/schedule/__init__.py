"""The order in which the outside world answers."""
