"""Labels: what combining promises, and that a damaged label is never read as a lower one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import PolicyError, RegistryError
from clearance.governance.labels import Label, Levels, combine

LEVELS = Levels(("public", "internal", "confidential", "restricted"))


def labels() -> st.SearchStrategy[Label]:
    names = st.frozensets(st.sampled_from("abcd"), max_size=3)
    return st.builds(Label, st.sampled_from(LEVELS.names), names, names, names)


def at_least(label: Label, other: Label) -> bool:
    """Is ``label`` as strict as ``other`` in every part?"""
    return (
        not LEVELS.exceeds(other.level, label.level)
        and label.categories >= other.categories
        and label.regimes >= other.regimes
        and label.subjects >= other.subjects
    )


@given(labels(), labels(), labels())
def test_combine_does_not_depend_on_order_grouping_or_repetition(a: Label, b: Label, c: Label) -> None:
    assert combine([a, b], LEVELS) == combine([b, a], LEVELS)
    assert combine([combine([a, b], LEVELS), c], LEVELS) == combine([a, combine([b, c], LEVELS)], LEVELS)
    assert combine([a, a], LEVELS) == a
    assert combine([a, combine([], LEVELS)], LEVELS) == a


@given(st.lists(labels(), min_size=1, max_size=5), labels())
def test_more_data_never_lowers_a_label(some: list[Label], more: Label) -> None:
    together = combine([*some, more], LEVELS)
    assert all(at_least(together, label) for label in [*some, more, combine(some, LEVELS)])


def test_nothing_is_public() -> None:
    assert combine([], LEVELS) == Label("public")


def test_an_unknown_level_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PolicyError, match="unknown level 'secret'") as caught:
        combine([Label("public"), Label("secret")], LEVELS)
    assert "public, internal, confidential, restricted" in caught.value.hint


@pytest.mark.parametrize("names", [(), ("one",), ("a", "b", "a"), ("a", "")])
def test_levels_need_two_different_names(names: tuple[str, ...]) -> None:
    with pytest.raises(PolicyError):
        Levels(names)


@given(labels())
def test_a_label_survives_its_dict(label: Label) -> None:
    assert Label.from_dict(label.to_dict()) == label


def test_the_dict_is_sorted_so_that_equal_labels_give_equal_text() -> None:
    label = Label("internal", frozenset({"b", "a"}), frozenset({"PCI DSS", "GDPR"}))
    assert label.to_dict() == {
        "level": "internal",
        "categories": ["a", "b"],
        "regimes": ["GDPR", "PCI DSS"],
        "subjects": [],
    }


GOOD = Label("restricted", frozenset({"user"}), frozenset({"GDPR"})).to_dict()


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {key: value for key, value in GOOD.items() if key != "regimes"},
        {**GOOD, "more": []},
        {**GOOD, "level": None},
        {**GOOD, "level": ""},
        {**GOOD, "regimes": None},
        {**GOOD, "regimes": "GDPR"},
        {**GOOD, "categories": [1]},
    ],
)
def test_a_damaged_label_is_refused_not_read_as_less(damaged: dict[str, object]) -> None:
    with pytest.raises(RegistryError):
        Label.from_dict(damaged)
