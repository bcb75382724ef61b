"""What a policy may say of methods: every parameter is checked when it is read."""

import json
import pickle
from datetime import date

import pytest

from clearance.errors import PolicyError
from clearance.generalizing import KINDS
from clearance.methods import METHODS, parse_method

VALID = [
    "token",
    "reversible",
    {"name": "format_preserving", "keep_last": 4, "alphabet": "upper_alphanumeric", "malformed": "redact"},
    {"name": "mask", "keep_last": 4, "keep": ["separators", "letters"]},
    "redact",
    {"name": "suppress", "scope": "record"},
    {"name": "generalize", "kind": "bins", "width": 10, "lower": 20, "upper": 90},
    {"name": "generalize", "kind": "top_bottom", "upper": 89.5},
    {"name": "generalize", "kind": "date", "to": "quarter"},
    {"name": "generalize", "kind": "date", "to": "age_band", "width": 10, "reference": "2026-01-01"},
    {"name": "generalize", "kind": "postal", "keep": 3},
    {"name": "generalize", "kind": "ip", "prefix_v6": 32},
    {"name": "date_shift", "max_days": 365, "subject": "patient_id", "weeks": True},
    {"name": "noise", "distribution": "uniform", "amount": 5, "lower": 0, "upper": 100, "row_key": "id"},
    {"name": "noise", "distribution": "laplace", "epsilon": 1.0, "lower": 0, "upper": 100, "row_key": "id"},
    {"name": "surrogate", "locale": "de_DE", "malformed": "token"},
    "null",
    "keep",
]


@pytest.mark.parametrize("settings", VALID, ids=str)
def test_a_method_says_again_what_it_was_told(settings):
    spec = parse_method(settings)
    written = json.loads(json.dumps(spec.settings()))
    assert parse_method(written) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    given = {"name": settings} if isinstance(settings, str) else settings
    assert {name: written[name] for name in given if name != "keep"} == {k: v for k, v in given.items() if k != "keep"}


def test_every_method_and_kind_is_tried():
    tried = [parse_method(settings).settings() for settings in VALID]
    assert {settings["name"] for settings in tried} == set(METHODS)
    assert {settings.get("kind") for settings in tried} == {None, *KINDS} - {"hierarchy"}


REFUSED = {
    "is not a method": ["encrypt", {"name": "Token"}, {}, {"name": None}],
    "takes no parameter": [
        {"name": "token", "char": "*"},
        {"name": "mask", "width": 3},
        {"name": "generalize", "kind": "bins", "width": 3, "keep": 1},
        {"name": "generalize", "kind": "hierarchy", "path": "x", "level": 1},
        {"name": "noise", "distribution": "uniform", "seed": 1},
    ],
    "needs": [
        {"name": "date_shift", "max_days": 30},
        {"name": "generalize", "kind": "bins"},
        {"name": "generalize", "kind": "top_bottom"},
        {"name": "generalize", "kind": "hierarchy", "file": "x.csv"},
        {"name": "noise", "distribution": "laplace", "epsilon": 1, "lower": 0, "upper": 1},
    ],
    "kind": [{"name": "generalize"}, {"name": "generalize", "kind": "cells"}],
    "width": [
        {"name": "generalize", "kind": "bins", "width": 0},
        {"name": "generalize", "kind": "bins", "width": True},
        {"name": "generalize", "kind": "bins", "width": float("nan")},
        {"name": "generalize", "kind": "bins", "width": "10"},
        {"name": "generalize", "kind": "date", "to": "year", "width": 10},
        {"name": "generalize", "kind": "date", "to": "age_band", "reference": "2026-01-01"},
    ],
    "edge of an interval": [{"name": "generalize", "kind": "bins", "width": 10, "lower": 18}],
    "upper": [
        {"name": "generalize", "kind": "date", "to": "age_band", "width": 10, "reference": "2026-01-01", "upper": 85},
    ],
    "reference": [
        {"name": "generalize", "kind": "date", "to": "age_band", "width": 10},
        {"name": "generalize", "kind": "date", "to": "age_band", "width": 10, "reference": "today"},
    ],
    "lower must be less": [
        {"name": "generalize", "kind": "top_bottom", "lower": 5, "upper": 5},
        {"name": "noise", "distribution": "uniform", "amount": 1, "lower": 2, "upper": 1, "row_key": "id"},
    ],
    "max_days": [
        {"name": "date_shift", "max_days": 0, "subject": "id"},
        {"name": "date_shift", "max_days": 7, "subject": "id", "weeks": True},
        {"name": "date_shift", "max_days": 30.0, "subject": "id"},
    ],
    "subject": [{"name": "date_shift", "max_days": 30, "subject": " "}],
    "weeks": [{"name": "date_shift", "max_days": 30, "subject": "id", "weeks": "yes"}],
    "scope": [{"name": "suppress", "scope": "table"}],
    "keep": [
        {"name": "mask", "keep": ["vowels"]},
        {"name": "mask", "keep": "letters"},
        {"name": "mask", "keep": ["digits", "letters"]},
        {"name": "generalize", "kind": "postal", "keep": -1},
    ],
    "epsilon": [
        {"name": "noise", "distribution": "laplace", "lower": 0, "upper": 1, "row_key": "id"},
        {"name": "noise", "distribution": "laplace", "epsilon": 0, "lower": 0, "upper": 1, "row_key": "id"},
        {"name": "noise", "distribution": "uniform", "amount": 1, "epsilon": 1, "lower": 0, "upper": 1, "row_key": "i"},
    ],
    "sensitivity": [
        {"name": "noise", "distribution": "laplace", "epsilon": 1, "sensitivity": 2, "lower": 0, "upper": 1,
         "row_key": "id"},
    ],
    "prefix_v4": [{"name": "generalize", "kind": "ip", "prefix_v4": 32}],
    "locale": [{"name": "surrogate", "locale": "xx"}],
    "version": [{"name": "surrogate", "version": 99}],
    "malformed": [
        {"name": "generalize", "kind": "ip", "malformed": "keep"},
        {"name": "surrogate", "malformed": "null"},
    ],
    "a million possible values": [{"name": "format_preserving", "min_length": 9, "keep_last": 4}],
}  # fmt: skip


@pytest.mark.parametrize(("said", "settings"), [(said, each) for said, all_ in REFUSED.items() for each in all_])
def test_what_makes_no_sense_is_refused_by_name(said, settings):
    with pytest.raises(PolicyError, match=said) as caught:
        parse_method(settings)
    assert caught.value.hint


def test_a_type_that_a_method_cannot_protect_is_refused():
    with pytest.raises(PolicyError, match="CREDIT_CARD"):
        parse_method({"name": "format_preserving", "keep_first": 6, "keep_last": 5}).check_type("CREDIT_CARD")
    with pytest.raises(PolicyError, match="no surrogates for US_SSN"):
        parse_method("surrogate").check_type("US_SSN")
    parse_method("surrogate").check_type("PERSON")


def test_a_date_that_yaml_read_is_a_date():
    settings = {"name": "generalize", "kind": "date", "to": "age_band", "width": 5, "reference": date(2026, 1, 1)}
    assert parse_method(settings).settings()["reference"] == "2026-01-01"


def test_a_hierarchy_is_known_by_its_content(tmp_path):
    (tmp_path / "a.csv").write_text("Berlin;DE;*\nParis;FR;*\n")
    (tmp_path / "b.csv").write_text("Paris,FR,*\nBerlin,DE,*\n")
    (tmp_path / "c.csv").write_text("Berlin;DE;*\nParis;EU;*\n")
    a, b, c = (
        parse_method({"name": "generalize", "kind": "hierarchy", "file": f"{name}.csv", "level": 1}, folder=tmp_path)
        for name in "abc"
    )
    assert a == b
    assert a.settings()["digest"] != c.settings()["digest"]
    shown = f"{a!r} {a.settings()}"
    assert "Berlin" not in shown
    assert str(tmp_path) not in shown
    assert pickle.loads(pickle.dumps(a)) == a


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a;b;c\nd\n", ":2: the row has 1 columns"),
        ("a;b\n", "level 2 needs 3"),
        ("a;b;c\na;b;d\n", "another line"),
        ("a;x;a\nb;x;b\n", "level 2 is the values themselves"),
        ("", "is empty"),
        (b"\xff\xfe;b;c", "UTF-8"),
        (None, "can't be read"),
    ],
)
def test_a_hierarchy_that_is_none_is_refused(tmp_path, content, said):
    file = tmp_path / "h.csv"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PolicyError, match=said):
        parse_method({"name": "generalize", "kind": "hierarchy", "file": "h.csv", "level": 2}, folder=tmp_path)
