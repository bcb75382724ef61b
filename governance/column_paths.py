"""Column paths as a policy writes them: spelled as everything else spells them, or a rule would hold for nothing."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from clearance.errors import UsageError
from clearance.governance.solutions import Text, as_names
from clearance.paths import format_path, parse_path


def _canonical(text: str) -> str:
    try:
        path = format_path(parse_path(text))
    except UsageError as error:
        raise ValueError(f"{error.message}: {error.hint}") from None
    if path != text:
        raise ValueError(f"{text} is written {path}")
    return text


ColumnPath = Annotated[Text, AfterValidator(_canonical)]
ColumnPaths = Annotated[frozenset[ColumnPath], BeforeValidator(as_names)]
SomePaths = Annotated[ColumnPaths, Field(min_length=1)]

__all__ = ["ColumnPath", "ColumnPaths", "SomePaths"]
