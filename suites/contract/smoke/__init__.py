"""The smoke suite: what a live system owes its users, each promise as a pytest test.

Run it with `pytest --pyargs crosstalk.suites.smoke --broadcaster wss://... --crosstalk-profile NAME`; without a
broadcaster it judges a demonstration application on this machine. One examination serves all tests; with xdist each
worker makes one, with its share of the users.
"""
