"""What several of the tests share."""

import gc

import pytest


@pytest.fixture
def heap_set_aside():
    """Collections within the test pass over all that pytest and the tests before hold, which makes a census quick."""
    gc.freeze()
    yield
    gc.unfreeze()
