"""``clearance init``."""

from collections.abc import Callable
from pathlib import Path

import click

from clearance.errors import RegistryError, UsageError
from clearance.jobs.commands import options

_SOLUTIONS = """\
# The AI solutions that want data. Reference: docs/concepts/labels-and-verdicts.md
solutions:
  - name: public-bot
    owner: you@example.com
    hosting: public
    clearance: internal
    usage: [inference]
    inputs_may_train: false
    regimes: [GDPR, CCPA]
  - name: private-model
    owner: you@example.com
    hosting: private
    clearance: restricted
    usage: [training]
    regimes: [GDPR, CCPA, PCI DSS, HIPAA]
"""
_POLICY = """\
# What counts as sensitive, how it is protected, what is allowed. Reference: docs/concepts/policy.md
version: 1
name: mine
extends: default
# What laws and standards ask for, each rule with its article (clearance policy explain --policy pack:gdpr):
# include: [pack:gdpr, pack:ccpa, pack:coppa, pack:pdpa, pack:hipaa-safe-harbor, pack:pci-dss]
# Tokens of cards stay under PCI DSS. Cards of which only the last four digits are left do not:
# columns:
#   card_number: {method: {name: mask, keep_last: 4}}
"""


@click.command("init")
@options.key_file
@options.home
@click.option("--starter", is_flag=True, help="Also write solutions.yaml and policy.yaml to begin with.")
def command(key_file: str | None, keys: str | None, home: str | None, starter: bool) -> int:
    """Create the key file, the signing key (readable by you alone) and the home. Nothing that exists is changed."""
    told: list[str] = []
    try:
        _create(options.key_uri(key_file, keys), home, told.append, starter=starter)
    finally:
        # Said when all is made: whoever reads the first lines alone closes the pipe.
        for line in told:
            click.echo(line)
    return 0


def _create(keys: str | None, home: str | None, say: Callable[[str], None], *, starter: bool) -> None:
    """What ``init`` creates; ``say`` hears of each thing once it is there."""
    from clearance.governance.registry import clearance_home
    from clearance.tokenization.keys import open_keys
    from clearance.tokenization.signing_key import (
        create_signing_key,
        default_signing_path,
        load_signing_key,
        public_path,
    )

    provider = open_keys(keys)
    if provider.exists():
        provider.load()
        say(f"key file       {provider.path} (was there)")
    else:
        provider.create()
        guarded = "readable by you alone" if provider.private else "its keys wrapped by the service"
        say(f"key file       {provider.path} (created, {guarded}: back it up, tokens depend on it)")
    signing = default_signing_path()
    if signing.exists():
        load_signing_key(signing)
        say(f"signing key    {signing} (was there)")
    else:
        create_signing_key(signing)
        say(f"signing key    {signing} (created; give {public_path(signing).name} to who checks statements)")
    place = home or clearance_home()
    if "://" not in place:
        folder = Path(place)
        ignore = folder / ".gitignore"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise RegistryError(
                f"the home {place} can't be created ({error.strerror})", hint="name a folder that you may write: --home"
            ) from None
    say(f"home           {place}")
    for name, content in (("solutions.yaml", _SOLUTIONS), ("policy.yaml", _POLICY)) if starter else ():
        if Path(name).exists():
            say(f"{name:<14} (was there)")
        else:
            try:
                Path(name).write_text(content)
            except OSError as error:
                raise UsageError(
                    f"{name} can't be written ({error.strerror})", hint="call it in a folder that you may write"
                ) from None
            say(f"{name:<14} (created)")
