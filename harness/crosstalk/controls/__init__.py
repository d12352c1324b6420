"""Positive controls: sabotage that each check must catch before its silence means anything."""
