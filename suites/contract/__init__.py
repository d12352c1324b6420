"""The contract suites: what a broadcaster owes its users, each promise as pytest tests.

Run them with `pytest --pyargs crosstalk.suites --broadcaster SPEC`.
"""
