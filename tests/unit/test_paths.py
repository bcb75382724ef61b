"""Column paths: what is written is read back, whatever the names hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import UsageError
from clearance.paths import ITEM, KEY, VALUE, Step, format_path, parse_path

steps_below = st.lists(
    st.one_of(st.builds(lambda name: Step("name", name), st.text(max_size=8)), st.sampled_from([ITEM, KEY, VALUE])),
    max_size=5,
)


@given(first=st.text(max_size=8), rest=steps_below)
def test_every_path_is_read_back_as_it_was_written(first: str, rest: list[Step]) -> None:
    steps = (Step("name", first), *rest)
    assert parse_path(format_path(steps)) == steps


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        (
            (Step("name", "user"), Step("name", "emails"), ITEM, Step("name", "address")),
            "user.emails[].address",
        ),
        ((Step("name", "tags"), KEY), "tags{key}"),
        ((Step("name", "e.mail"), Step("name", "a`b")), "`e.mail`.`a``b`"),
        ((Step("name", "Straße der Stadt"),), "Straße der Stadt"),
    ],
)
def test_paths_look_as_documented(steps: tuple[Step, ...], path: str) -> None:
    assert format_path(steps) == path


@pytest.mark.parametrize("path", ["", ".", "a.", "a..b", "[]", "a{other}", "a[0]", "a`b", "`a", "a[]b"])
def test_a_malformed_path_is_refused_with_the_grammar_in_the_hint(path: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_path(path)
    assert "user.emails[].address" in refused.value.hint
