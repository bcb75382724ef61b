import json
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from clearance.errors import KeyUnavailableError
from clearance.tokenization.ring import encode_info, hkdf_sha256
from clearance.tokenization.tink import import_tink

# In a process of its own: Tink's classes for protocol buffers stay loaded.
MADE = """
import json, sys
import tink
from tink import cleartext_keyset_handle as clear, daead, mac, prf, aead
from tink import tink_config
tink_config.register()
def text(template):
    import io
    out = io.StringIO()
    clear.write(tink.JsonKeysetWriter(out), tink.new_keyset_handle(template))
    return out.getvalue()
print(json.dumps({
    "siv": text(daead.deterministic_aead_key_templates.AES256_SIV),
    "hkdf": text(prf.prf_key_templates.HKDF_SHA256),
    "hmac_prf": text(prf.prf_key_templates.HMAC_SHA256),
    "hmac": text(mac.mac_key_templates.HMAC_SHA256_256BITTAG),
    "gcm": text(aead.aead_key_templates.AES256_GCM),
}))
"""


@pytest.fixture(scope="module")
def keysets() -> dict[str, str]:
    """Keysets that Tink itself made."""
    done = subprocess.run([sys.executable, "-c", MADE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("kind", "octets"), [("siv", 64), ("hkdf", 32), ("hmac_prf", 32), ("hmac", 32)])
def test_the_root_follows_from_what_tink_made(keysets: dict[str, str], kind: str, octets: int) -> None:
    import base64

    kid, root = import_tink(keysets[kind].encode())
    document = json.loads(keysets[kind])
    (entry,) = document["key"]
    value = base64.b64decode(entry["keyData"]["value"])[-octets:]  # the key's octets stand last in all of these
    info = encode_info(entry["keyData"]["typeUrl"], str(entry["keyId"]))
    assert root == hkdf_sha256(value, salt=b"clearance/import-tink", info=info, length=32)
    assert (kid, root) == import_tink(keysets[kind].encode())
    assert len(kid) == 8 and kid[0] == "t"


def spoiled(keysets: dict[str, str]) -> list[str]:
    document = json.loads(keysets["siv"])
    (entry,) = document["key"]
    data = entry["keyData"]
    changed = [
        {**document, "primaryKeyId": 1},
        {**document, "key": [{**entry, "status": "DISABLED"}]},
        {**document, "key": [{**entry, "keyData": {**data, "value": data["value"][:12]}}]},
        {**document, "key": [{**entry, "keyData": {**data, "value": "EiA="}}]},
        {**document, "key": [{**entry, "keyData": {**data, "typeUrl": "AesSivKey"}}]},
        {**document, "key": []},
        {"encryptedKeyset": data["value"], "keysetInfo": {}},
        [],
    ]
    return [json.dumps(each) for each in changed] + ["", "{", "null", keysets["gcm"]]


def test_what_gives_no_root_is_refused_without_a_word_of_it(keysets: dict[str, str]) -> None:
    for text in spoiled(keysets):
        with pytest.raises(KeyUnavailableError) as caught:
            import_tink(text.encode())
        assert caught.value.__context__ is None
        shown = "".join(traceback.format_exception(caught.value))
        assert json.loads(keysets["siv"])["key"][0]["keyData"]["value"][:12] not in shown


def test_the_command_makes_the_key_that_writes(keysets: dict[str, str], tmp_path: Path, monkeypatch) -> None:
    from clearance.jobs.cli import run
    from clearance.tokenization.keys import open_keys

    monkeypatch.setenv("CLEARANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(tmp_path / "keys.json"))
    file = tmp_path / "tink.json"
    file.write_text(keysets["hkdf"])
    file.chmod(0o644)
    open_keys(tmp_path / "keys.json").create()
    assert run(["keys", "import-tink", str(file), "--reason", "one key everywhere"]) == 5
    file.chmod(0o600)
    assert run(["keys", "import-tink", str(file), "--reason", "one key everywhere"]) == 0
    kid, root = import_tink(file.read_bytes())
    ring = open_keys(tmp_path / "keys.json").load()
    assert ring.primary == kid and len(ring.kids) == 2
    assert ring.derive("h", "default", "X") == hkdf_sha256(
        root, salt=b"clearance/tk1", info=encode_info("tk1", "h", kid, "default", "X"), length=32
    )
    assert run(["keys", "import-tink", str(file), "--reason", "again"]) == 2
