"""Protection methods as a policy declares them: their parameters, checked once, and what each method promises.

``parse_method`` is the way in; it raises ``PolicyError`` when the policy is read and not when row four million is.
How a method is carried out is ``clearance.tokenization.methods``. Loads nothing heavy: ``clearance check`` needs it.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from clearance.alphabets import check_format, check_format_of_type
from clearance.errors import PolicyError
from clearance.generalizing import KINDS, Generalize, Hierarchy
from clearance.method_spec import Malformed, MethodSpec, Proof, malformed, one_of, whole
from clearance.perturbing import DateShift, Noise

__all__ = ["METHODS", "MethodSpec", "parse_method"]

CharacterClass = Literal["digits", "letters", "separators"]
Scope = Literal["cell", "column", "record"]
Locale = Literal["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT"]
LOCALES = get_args(Locale)
SURROGATE_LISTS = 1
"""Version of the shipped lists that surrogates are taken from. A list never changes; a new one gets a new version."""
SURROGATE_KINDS: Mapping[str, str] = {
    "PERSON": "person",
    "EMAIL_ADDRESS": "email",
    "EMAIL": "email",
    "PHONE_NUMBER": "phone",
    "STREET_ADDRESS": "address",
    "LOCATION": "city",
    "CITY": "city",
    "ORGANIZATION": "organization",
    "USERNAME": "username",
}
"""Entity types that there are surrogates for, and what is made in their place."""


@dataclass(frozen=True, slots=True)
class Token(MethodSpec):
    """A keyed one-way token (HMAC-SHA256): equal values stay equal within a domain, and nobody goes back."""

    name: ClassVar[str] = "token"
    technique: ClassVar[str] = "pseudonymization"
    needs_key: ClassVar[bool] = True
    proof: ClassVar[Proof] = "keyed-check"


@dataclass(frozen=True, slots=True)
class Reversible(MethodSpec):
    """A reversible token (AES-256-SIV): joins where values are written the same way; the key opens it."""

    name: ClassVar[str] = "reversible"
    technique: ClassVar[str] = "deterministic encryption"
    needs_key: ClassVar[bool] = True
    proof: ClassVar[Proof] = "keyed-check"
    has_way_back: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class FormatPreserving(MethodSpec):
    """Format-preserving encryption (FF1) of the symbols of ``alphabet``; separators and what is kept stay.

    ``min_length``: symbols of the shortest value that is well-formed; 0 means as many as FF1 needs.
    """

    name: ClassVar[str] = "format_preserving"
    technique: ClassVar[str] = "format-preserving encryption"
    needs_key: ClassVar[bool] = True
    self_evident: ClassVar[bool] = False
    proof: ClassVar[Proof] = "recomputation"
    has_way_back: ClassVar[bool] = True
    keep_first: int = 0
    keep_last: int = 0
    alphabet: str = "digits"
    separators: str = " -"
    min_length: int = 0
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        if not isinstance(self.alphabet, str) or not isinstance(self.separators, str):
            raise PolicyError("alphabet and separators must be text", hint="put them in quotes")
        whole("keep_first", self.keep_first, 0, 64)
        whole("keep_last", self.keep_last, 0, 64)
        check_format(self.alphabet, self.separators, self.keep_first, self.keep_last, self.min_length)
        malformed(self.malformed)

    def check_type(self, entity_type: str) -> None:
        """As ``MethodSpec.check_type``: what is kept must leave a million possible values of this type."""
        check_format_of_type(self.alphabet, self.keep_first, self.keep_last, entity_type)


@dataclass(frozen=True, slots=True)
class Mask(MethodSpec):
    """Every character becomes ``char``, but the first and last ones kept and those of the classes in ``keep``.

    Classes: ``digits`` and ``letters`` of any script, ``separators`` for all else. Where fewer than four characters
    would be hidden, all are.
    """

    name: ClassVar[str] = "mask"
    technique: ClassVar[str] = "masking"
    proof: ClassVar[Proof] = "recomputation"
    collapses: ClassVar[bool] = True
    keep_first: int = 0
    keep_last: int = 0
    char: str = "*"
    keep: tuple[CharacterClass, ...] = ()

    def __post_init__(self) -> None:
        whole("keep_first", self.keep_first, 0, 64)
        whole("keep_last", self.keep_last, 0, 64)
        # A letter, digit or blank would look like data, and the proof could not tell it from data.
        if not (isinstance(self.char, str) and len(self.char) == 1 and self.char.isprintable()) or (
            self.char.isalnum() or self.char.isspace()
        ):
            raise PolicyError(
                "char of a mask must be one visible character, no letter, digit or blank", hint="use * or #"
            )
        if not isinstance(self.keep, tuple):
            raise PolicyError("keep of a mask must be a list", hint="write keep: [separators]")
        for name in self.keep:
            one_of("keep", name, get_args(CharacterClass))
        if {"digits", "letters"} <= set(self.keep):
            raise PolicyError("a mask that keeps digits and letters hides nothing", hint="keep one of them")
        # One spelling of each set, so that equal masks are equal.
        object.__setattr__(self, "keep", tuple(sorted(set(self.keep))))


@dataclass(frozen=True, slots=True)
class Redact(MethodSpec):
    """Every value becomes the constant of its type, such as ``[EMAIL_ADDRESS]``."""

    name: ClassVar[str] = "redact"
    technique: ClassVar[str] = "suppression"
    proof: ClassVar[Proof] = "constant"
    collapses: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Suppress(MethodSpec):
    """The value goes: in each ``cell`` (null), with the whole ``column``, or with each ``record`` that holds one.

    After any of them no value is left in the column: what remains of it is null.
    """

    name: ClassVar[str] = "suppress"
    technique: ClassVar[str] = "suppression"
    proof: ClassVar[Proof] = "null"
    collapses: ClassVar[bool] = True
    scope: Scope = "cell"

    def __post_init__(self) -> None:
        one_of("scope", self.scope, get_args(Scope))


@dataclass(frozen=True, slots=True)
class Null(MethodSpec):
    """Every value becomes null. In YAML write it in quotes: ``method: "null"``."""

    name: ClassVar[str] = "null"
    technique: ClassVar[str] = "suppression"
    proof: ClassVar[Proof] = "null"
    collapses: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Keep(MethodSpec):
    """The value stays as it is. Nothing is promised, so nothing can be proved."""

    name: ClassVar[str] = "keep"
    technique: ClassVar[str] = "none"
    proof: ClassVar[Proof] = "none"


@dataclass(frozen=True, slots=True)
class Surrogate(MethodSpec):
    """A made-up value of the same sort, by keyed index into shipped lists: names, addresses, e-mails, phone numbers.

    Equal values get equal surrogates within a domain, and so do some unequal ones: never join by them. ``version`` is
    that of the lists, and part of what is recorded.
    """

    name: ClassVar[str] = "surrogate"
    technique: ClassVar[str] = "pseudonymization"
    needs_key: ClassVar[bool] = True
    self_evident: ClassVar[bool] = False
    proof: ClassVar[Proof] = "recomputation"
    collapses: ClassVar[bool] = True
    locale: Locale = "en_US"
    version: int = SURROGATE_LISTS
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        one_of("locale", self.locale, LOCALES)
        whole("version", self.version, 1, SURROGATE_LISTS)
        malformed(self.malformed)

    def check_type(self, entity_type: str) -> None:
        """As ``MethodSpec.check_type``: there must be surrogates for this type."""
        if entity_type not in SURROGATE_KINDS:
            raise PolicyError(
                f"there are no surrogates for {entity_type}",
                hint=f"use a token, or one of {', '.join(SURROGATE_KINDS)}",
            )


METHODS: Mapping[str, type[MethodSpec]] = {
    method.name: method
    for method in (
        Token, Reversible, FormatPreserving, Mask, Redact, Suppress, Generalize, DateShift, Noise, Surrogate,
        Null, Keep,
    )
}  # fmt: skip
"""Every method by its name. ``generalize`` has kinds: ``clearance.generalizing.KINDS``."""


def parse_method(settings: str | Mapping[str, Any], *, folder: Path | None = None) -> MethodSpec:
    """The method that a policy or a plan declares: ``"token"``, or ``{"name": "mask", "keep_last": 4}``.

    ``folder`` is where the policy lies: the file of a hierarchy is named from there. Raises ``PolicyError`` that says
    which parameter is wrong and what is allowed. Ask ``check_type`` of the result for each entity type that gets it.
    """
    given = {"name": settings} if isinstance(settings, str) else dict(settings)
    name = given.pop("name", None)
    if not isinstance(name, str) or name not in METHODS:
        hint = 'write "null" in quotes' if name is None else f"use one of {', '.join(METHODS)}"
        raise PolicyError(f"{name!r} is not a method", hint=hint)
    method, whose = METHODS[name], f"the method {name}"
    if method is Generalize:
        kind = str(given.pop("kind", None))
        one_of("kind", kind, KINDS)
        method, whose = KINDS[kind], f"the method generalize of kind {kind}"
    if method is Hierarchy:
        return _read_hierarchy(given, whose, folder)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(method)}
    _refuse_foreign(given, known, whose)
    missing = [parameter for parameter, field in known.items() if field.default is MISSING and parameter not in given]
    if missing:
        raise PolicyError(f"{whose} needs {' and '.join(missing)}", hint=f"it takes {', '.join(known)}")
    return method(**{parameter: _plain(value) for parameter, value in given.items()})


def _read_hierarchy(given: dict[str, Any], whose: str, folder: Path | None) -> Hierarchy:
    takes = ("file", "level", "malformed")
    _refuse_foreign(given, takes, whose)
    file = given.get("file")
    if not isinstance(file, str) or not file or "level" not in given:
        raise PolicyError(f"{whose} needs file and level", hint=f"it takes {', '.join(takes)}")
    path = Path(file) if folder is None else folder / file
    return Hierarchy.read(path, given["level"], given.get("malformed", "fail"))


def _refuse_foreign(given: Mapping[str, Any], takes: "Mapping[str, Any] | tuple[str, ...]", whose: str) -> None:
    for parameter in given:
        if parameter not in takes:
            raise PolicyError(f"{whose} takes no parameter {parameter}", hint=f"it takes {', '.join(takes) or 'none'}")


def _plain(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    # YAML reads an unquoted date as one.
    return value.isoformat() if isinstance(value, date) else value
