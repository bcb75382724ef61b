"""One tokenizer for several domains: each column or entity type in its own.

A token counts as one where its type has its domain; anywhere else it is a value like any other, or the other domain's
links would travel along. Whoever only looks, and writes nothing, may count the tokens of all declared domains.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from clearance.tokenization.prf import KeyedHash
from clearance.tokenization.ring import KeyRing
from clearance.tokenization.tokens import Tokenizer
from clearance.tokenization.type_keys import TypeKeys


class DomainTokenizer(Tokenizer):
    """Writes each entity type in its domain, all others in ``domain``; ``at`` gives the tokenizer of a column.

    ``everywhere``: recognises the tokens of every domain, whatever their type. For scans.
    """

    def __init__(
        self,
        keyring: KeyRing,
        domain: str = "default",
        *,
        region: str = "US",
        by_type: Mapping[str, str],
        by_column: Mapping[str, str],
        everywhere: bool = False,
        writing: bool = False,
    ) -> None:
        super().__init__(keyring, domain, region=region, writing=writing)
        names = sorted({domain, *by_type.values(), *by_column.values()})
        self._members = {name: Tokenizer(keyring, name, region=region, writing=writing) for name in names}
        self._by_type = dict(by_type)
        self._by_column = dict(by_column)
        self._everywhere = everywhere

    def at(self, path: str) -> Tokenizer:
        """The tokenizer for what stands in a column: of its own domain where it has one, whatever the types in it."""
        named = self._by_column.get(path)
        return self if named is None or self._everywhere else self._members[named]

    def keys_of(self, entity_type: str, kid: str | None = None) -> TypeKeys:
        """As ``Tokenizer.keys_of``, in the type's domain."""
        return self._member(entity_type).keys_of(entity_type, kid)

    def keyed_hash(self, purpose: str, entity_type: str = "") -> KeyedHash:
        """As ``Tokenizer.keyed_hash``, in the type's domain; in the run's where it serves several types."""
        member = self._member(entity_type) if entity_type else self._members[self._domain]
        return member.keyed_hash(purpose, entity_type)

    def tokenize(self, values: pa.Array, entity_type: str) -> pa.Array:
        """As ``Tokenizer.tokenize``, in the type's domain."""
        return self._member(entity_type).tokenize(values, entity_type)

    def encrypt(self, values: pa.Array, entity_type: str) -> pa.Array:
        """As ``Tokenizer.encrypt``, in the type's domain."""
        return self._member(entity_type).encrypt(values, entity_type)

    def reverse(self, values: pa.Array) -> pa.Array:
        """As ``Tokenizer.reverse``, for the tokens of all its domains."""
        return pc.coalesce(*(member.reverse(values) for member in self._members.values()))

    def verified_types(self, values: pa.Array, kind: str | None = None) -> pa.Array:
        """As ``Tokenizer.verified_types``: a token whose type has another domain is none."""
        found = [self._own(name, member.verified_types(values, kind)) for name, member in self._members.items()]
        return pc.coalesce(*found)

    def verified_spans(self, text: str) -> list[tuple[int, int, str]]:
        """As ``Tokenizer.verified_spans``: a token whose type has another domain is none."""
        found = [(name, span) for name, member in self._members.items() for span in member.verified_spans(text)]
        return sorted(span for name, span in found if self._everywhere or self._domain_of(span[2]) == name)

    def _domain_of(self, entity_type: str) -> str:
        return self._by_type.get(entity_type, self._domain)

    def _member(self, entity_type: str) -> Tokenizer:
        return self._members[self._domain_of(entity_type)]

    def _own(self, domain: str, types: pa.Array) -> pa.Array:
        """The types of tokens of one domain, without those that have another."""
        if self._everywhere:
            return types
        foreign = [kind for kind in types.unique().drop_null().to_pylist() if self._domain_of(kind) != domain]
        if not foreign:
            return types
        return pc.if_else(pc.is_in(types, pa.array(foreign, pa.string())), pa.scalar(None, pa.string()), types)
