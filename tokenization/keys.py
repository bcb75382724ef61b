"""Keys, as the rest of the house knows them: one place to import from.

A ring holds root secrets and derives everything from them (``ring.py``); a keyset is the document that holds
roots, in clear or wrapped (``keyset.py``); a provider knows where the keyset lies and who unwraps it
(``provider.py``, ``providers/``); ``lifecycle.py`` rotates, disables and destroys. What travels to a worker is a
``KeyReference``: where the key is, never the key.
"""

from clearance.tokenization.keyfile import default_key_path
from clearance.tokenization.provider import FileKeyProvider, KeyProvider, KeyReference, KeysetProvider
from clearance.tokenization.providers import default_keys, open_keys
from clearance.tokenization.ring import KEY_ID, ROOT_BYTES, KeyRing, check_domain, hkdf_sha256

__all__ = [
    "KEY_ID",
    "ROOT_BYTES",
    "FileKeyProvider",
    "KeyProvider",
    "KeyReference",
    "KeyRing",
    "KeysetProvider",
    "check_domain",
    "default_key_path",
    "default_keys",
    "hkdf_sha256",
    "open_keys",
]
