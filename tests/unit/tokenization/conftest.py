"""One fixed key ring for all tests of this folder; never a key for data."""

import pytest
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.tokens import Tokenizer


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    return KeyRing({"golden": bytes(range(32)), "older0": bytes(range(32, 64))}, "golden")


@pytest.fixture(scope="session")
def tokenizer(ring: KeyRing) -> Tokenizer:
    return Tokenizer(ring)
