"""Profiles add up to the same whatever the batches, and what crosses the shuffle holds no value."""

import itertools
import zlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.columns import finish
from clearance.classifiers.engine import Engine
from clearance.classifiers.looking import look
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.sketch import DistinctSketch
from clearance.classifiers.type_counts import MAX_SHAPES
from clearance.errors import DetectionError

SALT = b"0123456789abcdef"
TOKEN = "tk1h_email_address_k1abc_abcdefghijklmnopqrstuvwx_abc234"

VALUES = [
    *(None, "", "  ", "ana.diaz@example.org", "bob@example.com", "4111111111111111", "12 Elm Street", "plain", "42"),
    *("My name is Ana Diaz, call 212-555-0187", "😀", "a\0b", "é" * 50, "2020-01-01", "tk1h_looks_like"),
    "ana.diaz@example.org",
]


def _profile(engine: Engine, values: list[str | None]) -> LeafProfile:
    profile = LeafProfile("c", "string", salt=SALT)
    profile.update(pa.array(values, type=pa.large_string()), engine)
    return profile


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.sampled_from(VALUES), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_any_partitioning_gives_the_same_bytes(
    patterns: Engine, values: list[str | None], cuts: list[int], order: object
) -> None:
    whole = _profile(patterns, values)
    bounds = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    parts = [_profile(patterns, values[a:b]) for a, b in itertools.pairwise(bounds)] or [_profile(patterns, [])]
    parts = [LeafProfile.from_bytes(part.to_bytes()) for part in parts]
    order.shuffle(parts)  # type: ignore[attr-defined]
    while len(parts) > 1:
        left = parts.pop(0)
        left.merge(parts.pop(0))
        parts.insert(order.randint(0, len(parts)), left)  # type: ignore[attr-defined]
    assert parts[0].to_bytes() == whole.to_bytes()
    assert finish(parts[0], name="c", dtype="string") == finish(whole, name="c", dtype="string")


def test_two_batches_are_one(patterns: Engine) -> None:
    once, twice = _profile(patterns, VALUES * 2), _profile(patterns, VALUES)
    twice.update(pa.array(VALUES), patterns)
    assert once.to_bytes() == twice.to_bytes()


def test_no_value_and_no_salt_cross_the_shuffle(engine: Engine) -> None:
    canaries = [
        "Zyxqwv-7Kp2@canary.example.org",
        "my name is Ana Canaryperson, card 4111111111111111 Qz81",
        "Zyxqwv7Kp2",
    ]
    sent = _profile(engine, canaries * 30).to_bytes()
    plain = zlib.decompress(sent).lower()
    for secret in (b"zyxqwv", b"canary", b"4111", b"qz81", SALT):
        assert secret not in sent
        assert secret not in plain


def test_rows_nulls_blanks_and_distinct_are_counted(patterns: Engine) -> None:
    profile = _profile(patterns, [None, "", " ", "a", "a", "b"])
    assert (profile.rows, profile.nulls, profile.filled, profile.distinct) == (6, 1, 3, 4)


@pytest.mark.parametrize("number", [0, 1, 50, 1_000, 50_000])
def test_distinct_estimate(number: int) -> None:
    sketch = DistinctSketch(SALT)
    sketch.update(pa.array([str(value) for value in range(number)], pa.string()))
    assert sketch.estimate() == pytest.approx(number, rel=0.05, abs=1)


def test_distinct_is_the_same_whatever_the_run() -> None:
    # Near a limit another estimate is another role, another label, another refusal.
    for number in (4, 900):
        values = pa.array([f"{value}@example.org" * (1 + value % 40) for value in range(number)], pa.string())
        sketches = [DistinctSketch(run.to_bytes(16, "big")) for run in range(50)]
        for sketch in sketches:
            sketch.update(values)
        assert len({sketch.estimate() for sketch in sketches}) == 1
        # Whoever has the registers and a guess, but not the salt, can't tell in which one the guess would be.
        assert len({sketch.to_dict()["registers"] for sketch in sketches}) == 50


def test_short_and_long_values_are_counted_alike() -> None:
    sketch = DistinctSketch(SALT)
    for _ in range(2):
        sketch.update(pa.array([str(value) * repeat for value in range(100) for repeat in (1, 300)], pa.string()))
    assert sketch.estimate() == pytest.approx(200, rel=0.05)


def test_profiles_of_other_leaves_or_runs_do_not_merge(patterns: Engine) -> None:
    profile = _profile(patterns, ["a"])
    with pytest.raises(ValueError, match="different leaves"):
        profile.merge(LeafProfile("d", "string", salt=SALT))
    with pytest.raises(ValueError, match="different salts"):
        profile.merge(LeafProfile("c", "string", salt=b"another salt 123"))


def test_shapes_are_bounded_and_still_add_up(patterns: Engine) -> None:
    values = [f"{'a' * (i % 17 + 1)}{'1' * (i // 17)}@example.org" for i in range(17 * 9)]
    whole = _profile(patterns, list(values))
    parts = [_profile(patterns, list(values[i::3])) for i in range(3)]
    for part in (parts[2], parts[1]):
        parts[0].merge(part)
    assert len(whole.counts["raw", "EMAIL_ADDRESS"].shapes) == MAX_SHAPES
    assert parts[0].to_bytes() == whole.to_bytes()


def _verified(values: pa.Array) -> pa.Array:
    return pa.array(["EMAIL_ADDRESS" if value == TOKEN else None for value in values.to_pylist()], type=pa.string())


def _token_spans(text: str) -> list[tuple[int, int, str]]:
    at = text.find(TOKEN)
    return [(at, at + len(TOKEN), "EMAIL_ADDRESS")] if at >= 0 else []


def test_whole_verified_tokens_are_not_raw_findings(engine: Engine) -> None:
    profile = LeafProfile("email", "string", salt=SALT)
    profile.update(pa.array([TOKEN] * 3 + [None]), engine, verified=_verified)
    report = finish(profile, name="email", dtype="string")
    assert (report.kind, report.entity_type) == ("structured", "EMAIL_ADDRESS")
    assert [(f.form, f.entity_type, f.rows_matched) for f in report.findings] == [("token", "EMAIL_ADDRESS", 3)]


def test_a_raw_value_among_tokens_is_still_reported(engine: Engine) -> None:
    profile = LeafProfile("email", "string", salt=SALT)
    profile.update(pa.array([TOKEN] * 9 + ["ana@example.org"]), engine, verified=_verified)
    report = finish(profile, name="email", dtype="string")
    assert {(f.form, f.entity_type, f.rows_matched) for f in report.findings} == {
        ("token", "EMAIL_ADDRESS", 9),
        ("raw", "EMAIL_ADDRESS", 1),
    }


def test_tokens_in_text_hide_nothing_beside_them(engine: Engine) -> None:
    text = f"My name is Ana Diaz and my mail is {TOKEN} or ana@example.org, thanks"
    (seen,) = look(engine, [text], _token_spans)
    found = {(span.entity_type, text[span.start : span.end]) for span in seen.spans}
    assert found == {("PERSON", "Ana Diaz"), ("EMAIL_ADDRESS", "ana@example.org")}
    profile = LeafProfile("note", "string", salt=SALT)
    profile.update(pa.array([text]), engine, token_spans=_token_spans)
    forms = {(f.form, f.entity_type) for f in finish(profile, name="note", dtype="string").findings}
    assert forms == {("raw", "PERSON"), ("raw", "EMAIL_ADDRESS"), ("token", "EMAIL_ADDRESS")}


def test_something_that_only_looks_like_a_token_is_not_spared(engine: Engine) -> None:
    fake = TOKEN.replace("abc234", "zzz999")
    (seen,) = look(engine, [f"please write to ana@example.org or {fake} today"], _token_spans)
    assert seen.tokens == ()


def test_a_failing_detector_voids_the_profile(patterns: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(patterns, "_patterns", fail)
    with pytest.raises(DetectionError):
        _profile(patterns, ["ana@example.org"])


def test_neither_look_nor_profile_shows_a_value(engine: Engine) -> None:
    (seen,) = look(engine, ["canary@example.org"])
    assert "canary" not in repr(seen)
    assert "canary" not in repr(_profile(engine, ["canary@example.org"]))
