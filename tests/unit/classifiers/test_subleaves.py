"""Leaves inside strings: found by name and value like columns, added up in any order, and never named by a value."""

import itertools
import json
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers.engine import Engine
from clearance.classifiers.findings import ColumnReport
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.reports import reports_of
from clearance.classifiers.subleaves import MAX_KEYS
from clearance.paths import parse_path

SALT = b"0123456789abcdef"


def _profile(engine: Engine, values: list[str | None]) -> LeafProfile:
    profile = LeafProfile("c", "string", salt=SALT)
    profile.update(pa.array(values, type=pa.string()), engine)
    return profile


def _reports(engine: Engine, values: list[str | None]) -> dict[str, ColumnReport]:
    profile = LeafProfile.from_bytes(_profile(engine, values).to_bytes())
    return {report.path: report for report in reports_of(profile, parse_path("c"), "string")}


def test_a_name_speaks_for_what_no_value_proves(patterns: Engine) -> None:
    people = [{"who": {"ssn": f"{123456700 + i}", "dob": f"1990-01-{i + 1:02}"}, "n": i} for i in range(20)]
    told = _reports(patterns, [*map(json.dumps, people), None, "no document"])
    assert told["c{json}.who.ssn"].entity_type == "US_SSN"
    assert told["c{json}.who.dob"].entity_type == "DATE_OF_BIRTH"
    assert (told["c{json}.n"].entity_type, told["c{json}.n"].rows) == (None, 20)
    # The column's own label covers what only the leaf's name tells.
    assert {"US_SSN", "DATE_OF_BIRTH"} <= {finding.entity_type for finding in told["c"].findings}
    assert (told["c"].rows, told["c"].nulls) == (22, 1)
    assert "values hold JSON" in told["c"].evidence


def test_strings_inside_strings_have_leaves_too(patterns: Engine) -> None:
    values = [json.dumps({"link": f"https://example.org/?mail=ana{i}%40example.org"}) for i in range(5)]
    values += [json.dumps({"raw": json.dumps({"email": "ana@example.org"})})] * 5
    told = _reports(patterns, values)
    assert told["c{json}.link{query}.mail"].entity_type == "EMAIL_ADDRESS"
    assert told["c{json}.raw{json}.email"].entity_type == "EMAIL_ADDRESS"


def test_a_few_documents_among_texts_are_listed_only_for_what_is_found(patterns: Engine) -> None:
    values = ["just some plain words here"] * 99 + [json.dumps({"ssn": "123456789", "n": 1})]
    assert set(_reports(patterns, values)) == {"c", "c{json}.ssn"}
    # Key=value pairs are too easily mistaken.
    assert set(_reports(patterns, ["just some plain words here"] * 99 + ["ssn=123456789 n=1"])) == {"c"}


def test_keys_that_are_data_are_in_no_report(patterns: Engine) -> None:
    """Value-like ones by themselves, all others once they are too many."""
    secret = [f"canary{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(MAX_KEYS + 1)]
    values = [json.dumps({"accounts": {key: {"ssn": "123456789"}}}) for key in secret]
    values += [json.dumps({"accounts": {"canary@example.org": {"ssn": "123456789"}}})] * 30
    told = _reports(patterns, values)
    assert set(told) == {"c", "c{json}.accounts{key}", "c{json}.accounts{value}.ssn"}
    assert told["c{json}.accounts{key}"].entity_type == "EMAIL_ADDRESS"
    assert told["c{json}.accounts{value}.ssn"].findings[0].rows_matched == MAX_KEYS + 31
    assert "canary" not in json.dumps([report.to_dict() for report in told.values()])


def test_nothing_of_a_value_crosses_the_shuffle(patterns: Engine) -> None:
    import zlib

    values = [json.dumps({"note": "canaryvalue", "canary.key@example.org": 1}), "user=canarypair x=canarypair"]
    assert b"canary" not in zlib.decompress(_profile(patterns, [*values]).to_bytes())


def test_a_tree_without_end_is_given_up(patterns: Engine) -> None:
    names = ["".join(pair) for pair in itertools.product("abcdefghij", repeat=2)][:40]
    wide = {a: dict.fromkeys(names, 1) for a in names}
    told = _reports(patterns, [json.dumps(wide)])
    assert set(told) == {"c"}
    assert any("too many" in sentence for sentence in told["c"].evidence)


rows = st.dictionaries(
    st.sampled_from(["email", "ssn", "n", "inner", "ana@example.org", *(f"k{chr(97 + i)}" for i in range(20))]),
    st.sampled_from(["ana@example.org", "123456789", 7, None, True, '{"dob": "1990-01-01"}', {"x": [1, {"y": "z"}]}]),
    max_size=4,
)
ROLES: list[dict[str, Any]] = [{"role": "user", "content": "ana@example.org"}, {"role": "x", "content": "hi"}]


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(rows.map(json.dumps) | st.sampled_from([None, "a=1&b=2", json.dumps(ROLES), "text"]), max_size=20),
    cuts=st.lists(st.integers(0, 20), max_size=3),
    order=st.integers(0, 10),
)
def test_any_partitioning_gives_the_same_bytes(
    patterns: Engine, values: list[str | None], cuts: list[int], order: int
) -> None:
    whole = _profile(patterns, values)
    bounds = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    parts = [_profile(patterns, values[a:b]) for a, b in itertools.pairwise(bounds)] or [_profile(patterns, [])]
    random.Random(order).shuffle(parts)
    first = LeafProfile.from_bytes(parts[0].to_bytes())
    for part in parts[1:]:
        first.merge(LeafProfile.from_bytes(part.to_bytes()))
    assert first.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_too_many_keys_are_a_map_wherever_they_were_seen(patterns: Engine, parts: int) -> None:
    values = [json.dumps({f"key{chr(97 + i % 26)}{chr(97 + i // 26)}": {"n": i, "m": 1}}) for i in range(MAX_KEYS + 9)]
    whole = _profile(patterns, [*values])
    split = [_profile(patterns, [*values[start::parts]]) for start in range(parts)]
    for part in split[1:]:
        split[0].merge(part)
    assert split[0].to_bytes() == whole.to_bytes()


def test_turns_of_a_chat_in_json_are_told_by_who_speaks(patterns: Engine) -> None:
    chat = [
        {"role": "user", "content": "write to ana@example.org"},
        {"role": "assistant", "content": [{"type": "text", "text": "ana@example.org it is, and bob@example.org"}]},
        {"role": "Secret Agent", "content": "ana@example.org"},
    ]
    told = _reports(patterns, [json.dumps(chat)] * 3)
    said = told["c{json}[].content"].findings[0]
    assert (said.entity_type, dict(said.turns)) == ("EMAIL_ADDRESS", {"user": 3, "other": 3})
    assert dict(told["c{json}[].content[].text"].findings[0].turns) == {"assistant": 3}
    assert "Secret Agent" not in json.dumps([report.to_dict() for report in told.values()])
    again = ColumnReport.from_dict(told["c{json}[].content"].to_dict())
    assert again == told["c{json}[].content"]
