"""``clearance identity``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import options, steps
from clearance.jobs.commands.output import emit, table

_enrolling = options.stacked(steps.identity_key, options.policy, options.home, options.output)


@click.group("identity", cls=options.Group)
def command() -> None:
    """Who may ask, approve and publish: people, each with a key of their own."""


@command.command("create")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def create(file: Path | None) -> int:
    """Make a key of your own (Ed25519) in a new FILE that you alone may read, its public half beside it.

    Without FILE: $CLEARANCE_IDENTITY_KEY_FILE, else ~/.config/clearance/identity.pem.
    """
    from clearance.governance.envelopes import key_id
    from clearance.jobs.signers import default_identity_path
    from clearance.tokenization.signing_key import PERSON, create_signing_key, public_path

    path = file or default_identity_path()
    made = create_signing_key(path, PERSON)
    click.echo(f"key {key_id(made.public_pem)}\npublic half, to be enrolled: {public_path(path)}")
    return 0


@command.command("enroll")
@click.argument("name")
@click.option(
    "--public-key",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The person's public key (PEM).",
)
@click.option("--administrator", is_flag=True, help="Another one who enrols people, and decides nothing else.")
@_enrolling
def enroll(name: str, public_key: Path, administrator: bool, output: str, **given: Any) -> int:
    """Enrol a person under NAME, or give one another key; signed by an administrator.

    The first one enrolled becomes the administrator, and signs with the key that is enrolled.
    """
    try:
        pem = public_key.read_text()
    except (OSError, ValueError):
        raise UsageError(f"{public_key} can't be read", hint="name the file that `identity create` wrote") from None
    return _change(name, pem, given, output, role="administrator" if administrator else "person")


@command.command("revoke")
@click.argument("name")
@_enrolling
def revoke(name: str, output: str, **given: Any) -> int:
    """Take a person out: what NAME asked for or approved does not hold any more."""
    from clearance.governance.identities import people
    from clearance.governance.registry import Registry

    person = people(Registry(given["home"]), _administrators(given)).get(name)
    if person is None:
        raise UsageError(f"nobody is enrolled as {name}", hint="clearance identity list")
    return _change(name, person.public_key, given, output, role=person.role, revoke=True)


@command.command("list")
@options.policy
@options.home
@options.output
def list_(output: str, **given: Any) -> int:
    """Everyone who is enrolled, with the id of each key."""
    from clearance.governance.identities import people
    from clearance.governance.registry import Registry

    known = people(Registry(given["home"]), _administrators(given))
    told = {"people": [{"name": each.name, "role": each.role, "key_id": each.key_id} for each in known.values()]}
    emit(told, output, _print)
    return 0


def _change(name: str, pem: str, given: Mapping[str, Any], output: str, **how: Any) -> int:
    from clearance.governance.identities import enrol
    from clearance.governance.registry import Registry
    from clearance.governance.runs import new_run_id
    from clearance.jobs.signers import open_key

    by = open_key(given["identity_key"])
    registry, administrators = Registry(given["home"]), _administrators(given)
    done = enrol(registry, name, pem, by, run_id=new_run_id(), administrators=administrators, **how)
    role = "revoked" if how.get("revoke") else done.role
    emit({"people": [{"name": done.name, "role": role, "key_id": done.key_id}]}, output, _print)
    return 0


def _administrators(given: Mapping[str, Any]) -> frozenset[str] | None:
    from clearance.governance.policy import load_policy
    from clearance.jobs.check import policy_path

    return load_policy(policy_path(given["policy"])).content.identities.administrators


def _print(told: Mapping[str, Any]) -> None:
    if not told["people"]:
        click.echo("nobody is enrolled: clearance identity enroll")
        return
    table(["name", "role", "key"], [[each["name"], each["role"], each["key_id"]] for each in told["people"]])
