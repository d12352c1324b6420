"""Live runs: what simulated users do on a system that we don't own, how it is played, and what is written down."""
