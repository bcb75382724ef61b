"""One fixed key ring for all tests of this folder; never a key for data."""

import pytest
from hypothesis import settings

from clearance.tokenization.keys import KeyRing
from clearance.tokenization.tokens import Tokenizer

# A busy machine is slow now and then; that is no failure. Everything else stays as the caller set it.
settings.register_profile("without-deadline", settings(deadline=None))
settings.load_profile("without-deadline")


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    return KeyRing({"golden": bytes(range(32)), "older0": bytes(range(32, 64))}, "golden")


@pytest.fixture(scope="session")
def tokenizer(ring: KeyRing) -> Tokenizer:
    return Tokenizer(ring)
