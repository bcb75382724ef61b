"""Looking at a protected text finds nothing where something was taken out."""

from clearance.classifiers.engine import Engine
from clearance.classifiers.looking import look


def test_a_redacted_place_is_no_finding_whatever_stands_around_it(patterns: Engine) -> None:
    texts = ["password: [PASSWORD], SSN [US_SSN]", "password: hunter2!x"]
    redacted, raw = look(patterns, texts)
    assert redacted.spans == ()
    assert [span.entity_type for span in raw.spans] == ["PASSWORD"]


def test_brackets_alone_hide_nothing(patterns: Engine) -> None:
    (seen,) = look(patterns, ["password: [Hunter2!x]"])
    assert [span.entity_type for span in seen.spans] == ["PASSWORD"]
