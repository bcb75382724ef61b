"""What some methods must know of the rows that values stand in."""

from dataclasses import dataclass

import pyarrow as pa

from clearance.errors import ProtectionError
from clearance.method_spec import MethodSpec


@dataclass(frozen=True, slots=True)
class RowContext:
    """Of as many rows as there are values: whose they are and which they are, as text (``clearance.values.to_text``).

    Take both from the source, not from what protection made of it. ``column`` is the path of the column the values
    are of: noise in two columns of a row must differ, or their difference would have none.
    """

    subjects: pa.Array | None = None
    row_keys: pa.Array | None = None
    column: str = ""

    def check(self, spec: MethodSpec, count: int) -> None:
        """Raises ``ProtectionError`` when the method needs what is not here."""
        for needed, given, what in (
            (spec.subject_column, self.subjects, "subject"),
            (spec.row_key_column, self.row_keys, "row key"),
        ):
            if needed is not None and given is None:
                raise ProtectionError(
                    f"the method {spec.name} needs the {what} of each row and was given none",
                    hint=f"the column {needed} must be in the dataset",
                )
            if needed is not None and given is not None and len(given) != count:
                raise ProtectionError(
                    f"{count} values came with {len(given)} {what}s", hint="give one for each row, in the same order"
                )
        if spec.row_key_column is not None and not self.column:
            raise ProtectionError("noise needs the column's path", hint="name it in the row context")


NO_ROWS = RowContext()
