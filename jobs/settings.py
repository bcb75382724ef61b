"""How a dataset is looked at: what travels from the driver to the workers, in one frozen value."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from clearance.tokenization.keys import KeyReference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clearance.classifiers.engine import Engine
    from clearance.classifiers.yaml_files import RulesFile
    from clearance.tokenization.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Detection:
    """Language, regions (None: the language's usual ones), NER model and threshold of an engine.

    ``detectors`` are the user's files of detection rules, as they were read: workers need not see the same files.
    """

    language: str = "en"
    regions: tuple[str, ...] | None = None
    ner: str | None = "rampart"
    threshold: float = 0.35
    # Lists of values may stand in it.
    detectors: "tuple[RulesFile, ...]" = field(default=(), repr=False)

    def engine(self) -> "Engine":
        """This process's engine, built at most once."""
        from clearance.classifiers.engine import load_engine

        return load_engine(
            language=self.language,
            regions=self.regions,
            ner=self.ner,
            threshold=self.threshold,
            detectors=self.detectors,
        )

    @property
    def phone_region(self) -> str:
        """The region whose national phone numbers are read without a country code."""
        if self.regions:
            return {"uk": "GB"}.get(self.regions[0], self.regions[0].upper())
        return {"en": "US"}.get(self.language, self.language.upper())


def read_detection(
    language: str = "en",
    regions: "Sequence[str] | None" = None,
    ner: str | None = "rampart",
    detectors: "Sequence[str | Path | RulesFile]" = (),
) -> Detection:
    """How datasets are looked at, as a user says it: ``ner`` may be ``none``, ``detectors`` are YAML files.

    Raises ``UsageError`` for what nobody knows and for files that are not valid, ``DetectionError`` for detectors
    that fail their own examples or a model that is not installed: all that can be told without loading one.
    """
    chosen = Detection(language, tuple(regions) if regions else None, None if ner == "none" else ner)
    if language != "en" or chosen.regions:
        from clearance.classifiers.recognizers import enabled_entries

        enabled_entries(language, chosen.regions)
    if chosen.ner not in (None, "rampart"):
        from clearance.classifiers.ner import require_installed

        require_installed(chosen.ner)
    if not detectors:
        return chosen
    from clearance.classifiers.detectors import load_detectors
    from clearance.classifiers.known_types import require_known_names
    from clearance.classifiers.resolution import load_resolution
    from clearance.classifiers.yaml_files import read_files

    files = read_files(detectors)
    load_detectors(language, files)
    load_resolution(files)
    if not (chosen.ner or "").startswith("presidio:"):  # such a model's types are known once it is loaded
        require_known_names(files)
    return replace(chosen, detectors=files)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Where the key is and which join scope tokens are made in. Holds no secret.

    ``alone``: keys that only read are left out, so that their tokens are strangers. ``writing``: what looks like a
    token of a disabled key is an error.
    """

    key: KeyReference
    domain: str = "default"
    region: str = "US"
    by_type: tuple[tuple[str, str], ...] = ()
    by_column: tuple[tuple[str, str], ...] = ()
    everywhere: bool = False
    alone: bool = False
    writing: bool = False

    @property
    def domains(self) -> tuple[str, ...]:
        """All domains that tokens are made in; that of what has none of its own comes first."""
        named = {name for _, name in (*self.by_type, *self.by_column)} - {self.domain}
        return (self.domain, *sorted(named))

    def domain_of(self, path: str, entity_type: str | None) -> str:
        """The domain of a column, else of its entity type, else the run's."""
        return dict(self.by_column).get(path) or dict(self.by_type).get(entity_type or "", self.domain)

    def one_by_one(self) -> "tuple[Tokens, ...]":
        """Each domain for itself, to open the tokens of all."""
        return tuple(self.within(name) for name in self.domains)

    def within(self, domain: str) -> "Tokens":
        """The same for one domain alone, whatever the column or type."""
        return Tokens(self.key, domain, self.region, writing=self.writing)

    def looking(self) -> "Tokens":
        """The same for whoever only looks: the tokens of every declared domain count, wherever they stand."""
        return replace(self, everywhere=True)

    def open(self) -> "Tokenizer":
        """A tokenizer of this process; the key file is read once a process."""
        from clearance.tokenization.domains import DomainTokenizer
        from clearance.tokenization.tokens import Tokenizer

        ring = self.key.open().alone() if self.alone else self.key.open()
        if self.domains == (self.domain,):
            return Tokenizer(ring, self.domain, region=self.region, writing=self.writing)
        return DomainTokenizer(
            ring,
            self.domain,
            region=self.region,
            by_type=dict(self.by_type),
            by_column=dict(self.by_column),
            everywhere=self.everywhere,
            writing=self.writing,
        )
