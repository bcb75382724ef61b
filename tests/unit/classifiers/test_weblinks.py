"""What Presidio's URL patterns match in runs that are longer than they reach, which we walk through ourselves."""

import random

import pytest

from clearance.classifiers import weblinks
from clearance.classifiers.weblinks import _presidios, url_places

PIECES = ["a", "A.", "b-", ".com", ".co", "www.", "WWW9.", "/p ", "\n", "http://", "'", '"', "..", "-" * 40, " "]
#: Around the 253 characters that the pattern takes before its last dot, and the seven of a lead before them.
LONG = ["-a" * 130 + ".b" * 3, *("z" * length for length in (245, 246, 247, 251, 252, 253, 254, 260))]
PATTERNS = ("Standard Url", "Non schema URL", "Quoted URL", "Quoted Non-schema URL")


def test_long_runs_of_host_characters_are_as_in_the_patterns() -> None:
    rng = random.Random(7)
    some = 0
    for _ in range(120):
        text = "".join(rng.choice(rng.choice((PIECES, PIECES, LONG))) for _ in range(rng.randint(2, 9)))
        wanted = {name: [match.span() for match in _presidios(name).finditer(text)] for name in PATTERNS}
        found = url_places(text)
        assert {name: found.get(name, []) for name in PATTERNS} == wanted, text
        some += any(wanted.values())
    assert some > 30


def test_a_long_run_is_not_left_to_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    # It takes a millisecond for each character of "A.A.A.A. ...".
    monkeypatch.delattr(weblinks, "_presidios")
    assert url_places("A." * 20_000 + "com")["Non schema URL"] == [(39_746, 40_003)]
