"""One fixed key ring for all tests of this folder; never a key for data."""

import os
from pathlib import Path

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


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of published vectors (Wycheproof, ACVP, pyca); where it is absent the literals in the tests remain."""
    path = Path(os.environ.get("CLEARANCE_VECTORS") or Path(__file__).resolve().parents[4] / "shared" / "vectors")
    if not path.is_dir():
        pytest.skip("CLEARANCE_VECTORS names no folder of published vectors")
    return path
