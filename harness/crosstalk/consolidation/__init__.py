"""Merging broadcasters safely: audit, equivalence, cut-over, comparison, growth. One step of a migration a file."""
