"""The one exception tree. A message says what was wrong and where; the hint says what to do.

Exit codes are a property of the kind of failure (``docs/reference/exit-codes.md``): 0 is the only one that
lets a dataset pass, so a new kind of failure can never be mistaken for a yes.

No message may ever hold a value of the data: pass paths, names of types and counts.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller. Everything but ``CLEAR`` blocks."""

    CLEAR = 0
    INTERNAL = 1
    USAGE = 2
    CONFLICT = 3
    ESCALATED = 4
    UNDECIDABLE = 5


class ClearanceError(Exception):
    """Anything Clearance refuses or fails to do.

    Raise a subclass. ``hint`` is one sentence that tells the reader what to do next.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Workers raise these and Spark pickles them: the default would lose the keyword-only hint.
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[ClearanceError], message: str, hint: str) -> ClearanceError:
    return kind(message, hint=hint)


class UsageError(ClearanceError):
    """A command, reference or option that makes no sense as given."""

    exit_code = ExitCode.USAGE


class PolicyError(UsageError):
    """A policy, solution, plan or manifest file that is not valid."""


class DatasetError(ClearanceError):
    """A dataset that can't be found, read, or written."""

    exit_code = ExitCode.UNDECIDABLE


class DetectionError(ClearanceError):
    """A detector or model that could not be loaded, or failed on a batch: the scan is void."""

    exit_code = ExitCode.UNDECIDABLE


class KeyUnavailableError(ClearanceError):
    """A key that is missing, unreadable, or unsafe to use."""

    exit_code = ExitCode.UNDECIDABLE


class ProtectionError(ClearanceError):
    """A value that the policy's method can't protect, or a plan that does not fit the dataset."""

    exit_code = ExitCode.UNDECIDABLE


class RefusedError(ClearanceError):
    """What the policy does not allow this person to do."""

    exit_code = ExitCode.CONFLICT


class ProofError(ClearanceError):
    """Protected data that did not pass its proof; nothing was published."""

    exit_code = ExitCode.UNDECIDABLE


class PublishError(ClearanceError):
    """A target that can't be published to as asked; the target is as it was."""

    exit_code = ExitCode.UNDECIDABLE


class RegistryError(ClearanceError):
    """A registry that can't be read or written."""

    exit_code = ExitCode.UNDECIDABLE


class AuditError(RegistryError):
    """An audit record that could not be written: what it announces must not happen."""


class LineageError(ClearanceError):
    """A lineage event that does not follow the specification, or could not be spooled."""

    exit_code = ExitCode.UNDECIDABLE


class SessionError(ClearanceError):
    """Spark, Java or their packages are missing, or the session is unusable."""

    exit_code = ExitCode.UNDECIDABLE
