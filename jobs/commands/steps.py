"""What `request`, `approve`, `reject` and `approvals` share: who acts, and on what."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.jobs.commands import options

if TYPE_CHECKING:
    from clearance.governance.approvals import Signer
    from clearance.governance.identities import Key
    from clearance.jobs.approvals import Matter
    from clearance.jobs.desk import Desk

identity_key = click.option(
    "--identity-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Your own key. [default: $CLEARANCE_IDENTITY_KEY_FILE, else ~/.config/clearance/identity.pem]",
)
identity_token = click.option(
    "--identity-token",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file with an identity token of the CI system, instead of a key.",
)
manifest = click.option("--manifest", metavar="FILE", help="What the owner declares (ODCS v3.1).")
matter = options.stacked(manifest, options.policy, options.facts, options.home, options.output)
reason = click.option("--reason", required=True, metavar="TEXT", help="Why: a case or ticket, no personal data.")
acting = options.stacked(reason, identity_key, identity_token, matter)


def matter_of(dataset: str, given: Mapping[str, Any]) -> "Matter":
    """What is decided on, by the shared options."""
    from clearance.governance.identity import dataset_identity
    from clearance.governance.manifest import load_manifest
    from clearance.governance.policy import load_policy
    from clearance.governance.registry import Registry
    from clearance.jobs.approvals import Matter
    from clearance.jobs.check import policy_path
    from clearance.jobs.manifests import require_same

    policy = load_policy(policy_path(given["policy"]))
    declared = load_manifest(given["manifest"], policy) if given["manifest"] else None
    if declared is not None:
        require_same(declared, dataset)
    return Matter(
        dataset_identity(dataset), policy, Registry(given["home"]), declared, options.declared(given["facts"]) or None
    )


def at_place(what: "Matter", environment: str | None) -> "Matter":
    """The same of the copy in an environment of the manifest. Raises ``UsageError`` where it names none."""
    from dataclasses import replace

    from clearance.errors import UsageError
    from clearance.governance.identity import dataset_identity

    if environment is None:
        return what
    places = what.manifest.places if what.manifest is not None else {}
    if environment not in places:
        raise UsageError(
            f"no place in the environment {environment} is declared",
            hint=f"give a manifest with it under `servers`; it has: {', '.join(places) or 'none'}",
        )
    return replace(what, identity=dataset_identity(places[environment]))


def desk_of(what: "Matter", given: Mapping[str, Any]) -> "Desk":
    """A desk of the same policy and registry, for what leaves runs and lineage."""
    from clearance.governance.lineage import ParentRun
    from clearance.jobs.check import policy_path
    from clearance.jobs.desk import Desk

    chosen = policy_path(given["policy"])
    return Desk(what.policy, str(chosen or "default"), what.registry, parent=ParentRun.from_environment())


def who_acts(what: "Matter", given: Mapping[str, Any]) -> "Callable[[], tuple[Signer, Key | None]]":
    """Who acts, found out when it is asked: a refusal is put on record then."""
    from clearance.jobs.approvals import policy_folder
    from clearance.jobs.check import policy_path
    from clearance.jobs.signers import signer_of

    folder = policy_folder(policy_path(given["policy"]))
    keys = {"key_file": given["identity_key"], "token_file": given["identity_token"]}
    return lambda: signer_of(what.policy, folder, what.registry, **keys)


def print_step(told: Mapping[str, Any]) -> None:
    """One line of what was done."""
    done = {"request": "asked for", "approve": "approved", "reject": "rejected"}[told["step"]]
    click.echo(f"{told['dataset']}: {done} by {told['by']['name']}, version {told['version']}")
    if told["step"] == "request":
        allows = ", ".join(told["allows"]) or "nothing"
        click.echo(f"to be published by {told['publisher']}; may change without another approval: {allows}")


__all__ = ["acting", "at_place", "desk_of", "identity_key", "manifest", "matter", "matter_of", "print_step", "who_acts"]
