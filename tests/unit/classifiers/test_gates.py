"""A gate may let too much through, never too little."""

import json
from functools import cache
from importlib import resources
from pathlib import Path

import hyperscan
import pytest
import regex
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.detectors import load_detectors
from clearance.classifiers.folding import Buffer
from clearance.classifiers.gate_patterns import gate_pattern
from clearance.classifiers.prefilter import Expression, Prefilter
from clearance.classifiers.presidio_patterns import runner_for
from clearance.classifiers.recognizers import build_recognizer, recognizer_entries

#: The one pattern that has no gate: it can match nothing at all.
UNGATED = {"ItDriverLicenseRecognizer"}


@cache
def every_pattern() -> list[tuple[str, regex.Pattern[str], Expression]]:
    """Each of Presidio's patterns, whatever its region, and each of ours, with its gate."""
    found = []
    for entry in recognizer_entries()[0]:
        language = sorted(entry.languages)[0] if entry.languages else "en"
        runner = runner_for(build_recognizer(entry, language)) if entry.use != "never" else None
        if runner is not None and entry.name not in UNGATED:
            narrow, wide = runner.gates(ascii_rows=True), runner.gates(ascii_rows=False)
            assert narrow is not None and wide is not None, entry.name
            for (index, expression), (_, wider) in zip(narrow, wide, strict=True):
                compiled = runner.patterns[index].compiled
                found.append((entry.name, compiled, Expression(len(found), expression, wider, runner.caseless)))
    for detector in load_detectors():
        narrow_one = gate_pattern(detector.pattern.pattern, ascii_rows=True)
        wide_one = gate_pattern(detector.pattern.pattern, ascii_rows=False)
        assert narrow_one is not None and wide_one is not None, detector.name
        caseless = bool(detector.pattern.flags & regex.IGNORECASE)
        found.append((detector.name, detector.pattern, Expression(len(found), narrow_one, wide_one, caseless)))
    return found


@cache
def prefilter() -> Prefilter:
    return Prefilter([expression for _, _, expression in every_pattern()])


@cache
def examples() -> list[str]:
    """Texts that the detectors must match, and forms of what Presidio's recognizers look for."""
    found: list[str] = json.loads(Path(__file__).with_name("pieces.json").read_text(encoding="utf-8"))
    for file in resources.files("clearance.classifiers").joinpath("patterns").iterdir():
        if file.name.endswith(".yaml"):
            for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["detectors"]:
                found += entry["match"]
    return found


def test_the_examples_are_of_most_patterns() -> None:
    matched = {name for name, compiled, _ in every_pattern() if any(compiled.search(text) for text in examples())}
    assert len(matched) > 0.8 * len({name for name, _, _ in every_pattern()})


SALT = ["", " ", ".", "\u00e9", "\u0663", "\u2003", "\u017f", "\u0130", "x", "7", "\n", "-"]
texts = st.builds(
    lambda a, example, cut, b, tail: a + example[cut:] + b + tail,
    st.sampled_from(SALT),
    st.deferred(lambda: st.sampled_from(examples())),
    st.integers(0, 3),
    st.sampled_from(SALT),
    st.text(max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_what_matches_passes_its_gate(some: list[str]) -> None:
    candidates = prefilter().candidates(some)
    for row, text in enumerate(some):
        for name, compiled, expression in every_pattern():
            if compiled.search(text):
                assert row in candidates.get(expression.key, ()), (name, expression.key)


def test_every_example_passes_its_gate() -> None:
    candidates = prefilter().candidates(examples())
    missed = [
        (name, row)
        for row, text in enumerate(examples())
        for name, compiled, expression in every_pattern()
        if compiled.search(text) and row not in candidates.get(expression.key, ())
    ]
    assert missed == []


@pytest.mark.parametrize("text", ["", "a", "\u0664\u2003\u212a\u017f\u0130\u00e9\U0001f600", "x\ny", "\0"])
def test_one_byte_a_code_point(text: str) -> None:
    buffer = Buffer.of([text, "next", text])
    assert len(buffer.data) == 2 * len(text) + len("next") + 2
    assert buffer.rows_of([len(text) + 1]).tolist() == [1]
    assert buffer.ends.tolist() == [len(text), len(text) + 5, 2 * len(text) + 6]


def test_folding_keeps_what_patterns_can_see() -> None:
    assert Buffer.of(["\u0664\u2003\u212a\u017f\u0130\u00e9"]).data == b"0 ksi\xff"


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (r"(?<=claim )\d{6}\b", "claim 123456", "123456"),
        (r"(?<secret>\w+)!{2,}?", "abc!!", "abc!"),
        (r"x[^\W\d_]{3}", "x\u00e9\u00e9\u00e9", "x123"),
        (r"a{200,}", "a" * 200, "a" * 10),
        (r"(?i:owner)=[A-Z]", "OWNER=A", "owner=a"),
        (r"x\p{Lu}{2}", "xAB", "x--"),
        (r"a\\p{L}", "a\\p{L}", "a\\w"),
        (r"(?<![\w.])(?:35|99)\d{6}", "x 35123456", "x35123456"),
        (r"(?<![\p{L}.])\d{6}", "x\u00e97123456", "12345"),
        (r"(?<![\p{L}.])born", "7born", "bor"),
        (r"(?<![\w.])-?\d{3}", "a-123", "-12"),
    ],
)
def test_a_gate_is_as_sharp_as_it_can_be(pattern: str, inside: str, outside: str) -> None:
    narrow, wide = gate_pattern(pattern, ascii_rows=True), gate_pattern(pattern, ascii_rows=False)
    assert narrow is not None and wide is not None
    candidates = Prefilter([Expression(0, narrow, wide, caseless=False)]).candidates([inside, outside])
    assert candidates == {0: [0]}


@pytest.mark.parametrize("pattern", [r"\d*", r"(?:a|)", r"^$", r"(unbalanced"])
def test_what_can_match_nothing_has_no_gate(pattern: str) -> None:
    assert gate_pattern(pattern, ascii_rows=True) is None


def test_a_match_is_the_texts_own_not_its_neighbours() -> None:
    expression = Expression(0, r"a\x20{0,1}[\x00-\xff]{0,3}b", r"a\x20{0,1}[\x00-\xff]{0,3}b", caseless=False)
    assert Prefilter([expression]).candidates(["xa", "b", "a b"])[0] in ([2], [1, 2])


def test_hyperscan_is_what_runs_here() -> None:
    assert Prefilter.available()
    assert hyperscan.__version__


def test_a_compiled_gate_is_kept_and_a_damaged_one_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARANCE_CACHE", str(tmp_path))
    expressions = [Expression(7, "secret[0-9]", "secret[0-9]", caseless=False)]
    texts = ["secret1", "none"]
    assert Prefilter(expressions).candidates(texts) == {7: [0]}
    (kept,) = (tmp_path / "gates").iterdir()
    assert Prefilter(expressions).candidates(texts) == {7: [0]}
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert Prefilter(expressions).candidates(texts) == {7: [0]}
    assert kept.read_bytes() == content
    others = [Expression(7, "open", "open", caseless=False)]
    assert Prefilter(others).candidates(["an open door"]) == {7: [0]}
