"""One engine for all detection tests: building it is what takes time."""

import pytest

from clearance.classifiers.engine import Engine, load_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    return load_engine()


@pytest.fixture(scope="session")
def patterns() -> Engine:
    return load_engine(ner=None)
