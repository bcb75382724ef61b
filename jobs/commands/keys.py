"""``clearance keys``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearance.errors import UsageError
from clearance.jobs.commands import moving, options
from clearance.jobs.commands.output import emit, table

if TYPE_CHECKING:
    from datetime import timedelta

    from clearance.tokenization.keys import KeysetProvider
    from clearance.tokenization.keyset import Keyset

reason = click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit.")
changing = options.stacked(reason, options.key_file, options.home, options.output)
domains = click.option(
    "--domain", "domains", multiple=True, metavar="NAME", help="Join scope to make a root for. May be repeated."
)
with_passphrase = click.option(
    "--with-passphrase",
    is_flag=True,
    help="Encrypt the key file: asks, or reads the file of CLEARANCE_PASSPHRASE_FILE.",
)

separate_reversal = click.option(
    "--separate-reversal",
    is_flag=True,
    help="A root of its own for what can be opened, and so a permission of its own at the key service.",
)


@click.group("keys", cls=options.Group, invoke_without_command=True)
@options.key_file
@options.output
@click.pass_context
def command(context: click.Context, key_file: str | None, keys: str | None, output: str) -> int:
    """Show which keys there are: ids, states and which one writes, never their contents."""
    if context.invoked_subcommand is None:
        return _list(key_file, keys, output)
    if key_file or keys or output != "table":
        raise UsageError(
            "options stand behind the command they are for", hint=f"clearance keys {context.invoked_subcommand} --help"
        )
    return 0


@command.command("list")
@options.key_file
@options.output
def list_(key_file: str | None, keys: str | None, output: str) -> int:
    """All keys of the keyset: ids, states, domains and which one writes, never their contents."""
    return _list(key_file, keys, output)


@command.command("create")
@domains
@with_passphrase
@separate_reversal
@options.key_file
@options.home
@options.output
def create(
    domains: tuple[str, ...],
    with_passphrase: bool,
    separate_reversal: bool,
    key_file: str | None,
    keys: str | None,
    home: str | None,
    output: str,
) -> int:
    """Make a keyset with one random key, or roots for further domains in one that is there.

    A key service wraps one root a domain. A key file has one for all. Nothing that exists is replaced.
    """
    from clearance.tokenization import lifecycle
    from clearance.tokenization.keys import check_domain

    for name in domains:
        check_domain(name)
    provider = _provider(key_file, keys, with_passphrase)
    if provider.exists():
        if not domains or with_passphrase or separate_reversal:
            raise UsageError(f"there are keys at {provider.path} already", hint="clearance keys list, or rotate")
        return _change("create", provider, home, output, None, lambda k, kek: lifecycle.add_domains(k, kek, domains))
    named = frozenset(domains or (("*",) if provider.private else ("default",)))
    if separate_reversal:
        named = lifecycle.with_reversal(named, in_clear=provider.private)

    def make() -> "Keyset":
        provider.create(named)
        return provider.keyset()

    return _told(provider, _audited(home, "create", provider, make, domains=sorted(named)), output)


@command.command("rotate")
@separate_reversal
@changing
def rotate(
    separate_reversal: bool, reason: str, key_file: str | None, keys: str | None, home: str | None, output: str
) -> int:
    """Make a new key that writes from now on. All others still read; tokens that exist stay."""
    from clearance.tokenization import lifecycle

    def work(keyset: "Keyset", kek: Any) -> "Keyset":
        return lifecycle.rotate(keyset, kek, separate_reversal=separate_reversal)

    return _change("rotate", _provider(key_file, keys), home, output, reason, work)


@command.command("rewrap")
@click.option("--to", metavar="URI", help="Move the keys to this provider; the old keyset stays until you delete it.")
@with_passphrase
@changing
def rewrap(
    to: str | None,
    with_passphrase: bool,
    reason: str,
    key_file: str | None,
    keys: str | None,
    home: str | None,
    output: str,
) -> int:
    """Wrap the same keys anew: by the service key's newest version, or by another provider. Tokens stay."""
    from clearance.tokenization import lifecycle

    provider = _provider(key_file, keys)
    if to is None:
        if provider.private:
            raise UsageError("a key file is moved, not wrapped anew", hint="name the new place with --to URI")
        return _change("rewrap", provider, home, output, reason, lambda k, kek: lifecycle.rewrap(k, kek, kek))
    target = _provider(None, to, with_passphrase, confirm=True)

    def move() -> "Keyset":
        keyset = provider.keyset()
        target.write(lifecycle.rewrap(keyset, provider.kek(keyset), target.kek()))
        return target.keyset()

    return _told(target, _audited(home, "rewrap", provider, move, to=target.uri, reason=reason), output)


@command.command("disable")
@click.argument("kid")
@changing
def disable(kid: str, reason: str, key_file: str | None, keys: str | None, home: str | None, output: str) -> int:
    """Stop the key KID from reading, until it is enabled."""
    from clearance.tokenization import lifecycle

    provider = _provider(key_file, keys)
    return _change("disable", provider, home, output, reason, lambda k, _: lifecycle.disable(k, kid), kid=kid)


@command.command("enable")
@click.argument("kid")
@changing
def enable(kid: str, reason: str, key_file: str | None, keys: str | None, home: str | None, output: str) -> int:
    """Let the key KID read again; takes back a destruction that is not yet done."""
    from clearance.tokenization import lifecycle

    provider = _provider(key_file, keys)
    return _change("enable", provider, home, output, reason, lambda k, _: lifecycle.enable(k, kid), kid=kid)


@command.command("destroy")
@click.argument("kid")
@click.option("--after", default="7d", metavar="TIME", show_default=True, help="Delay before the second call: 7d, 36h.")
@changing
def destroy(
    kid: str, after: str, reason: str, key_file: str | None, keys: str | None, home: str | None, output: str
) -> int:
    """Destroy the key KID: the first call disables it and sets a date, a second one after it removes it for good.

    Tells which datasets on record it wrote, which of their columns nobody can reverse without it, and which tables of
    persons' keys it wraps.
    """
    from datetime import UTC, datetime

    from clearance.governance.registry import Registry
    from clearance.jobs.keyring import datasets_of, subject_keys_of
    from clearance.tokenization import lifecycle

    delay = _delay(after)
    registry = Registry(home)
    affected, persons = datasets_of(registry, kid), subject_keys_of(registry, kid)
    return _change(
        "destroy",
        _provider(key_file, keys),
        home,
        output,
        reason,
        lambda k, _: lifecycle.destroy(k, kid, now=datetime.now(UTC), after=delay),
        more={"datasets": affected, "subject_keys": persons},
        kid=kid,
        datasets=len(affected),
        subject_keys=len(persons),
    )


@command.command("import-tink")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@changing
def import_tink(file: Path, reason: str, key_file: str | None, keys: str | None, home: str | None, output: str) -> int:
    """Make a key that writes from the primary key of FILE, a Tink keyset in clear JSON, mode 0600.

    Its tokens are ours and no Tink ciphertexts. The same FILE gives the same tokens wherever it is imported.
    """
    from clearance.tokenization import lifecycle
    from clearance.tokenization.keyfile import read_file
    from clearance.tokenization.tink import import_tink as read

    kid, root = read(read_file(file))
    provider = _provider(key_file, keys)
    return _change(
        "import-tink",
        provider,
        home,
        output,
        reason,
        lambda k, kek: lifecycle.add_imported(k, kek, kid, root),
        kid=kid,
    )


command.add_command(moving.crosswalk)
command.add_command(moving.rekey)


def _list(key_file: str | None, keys: str | None, output: str) -> int:
    provider = _provider(key_file, keys)
    keyset = provider.keyset()
    provider.kek(keyset)
    return _told(provider, keyset, output)


def _provider(
    key_file: str | None, keys: str | None, with_passphrase: bool = False, confirm: bool = False
) -> "KeysetProvider":
    from clearance.tokenization.keys import open_keys

    def ask() -> bytes:
        import os
        import sys

        from clearance.tokenization.kek import passphrase_from_environment

        variable = "CLEARANCE_PASSPHRASE_FILE"
        if confirm and os.environ.get("CLEARANCE_NEW_PASSPHRASE_FILE"):
            variable = "CLEARANCE_NEW_PASSPHRASE_FILE"
        if os.environ.get(variable) or not sys.stdin.isatty():
            return passphrase_from_environment(variable)
        text = click.prompt(
            f"passphrase of {keys or key_file or 'the key file'}",
            hide_input=True,
            confirmation_prompt=with_passphrase,
            err=True,
        )
        return str(text).encode()

    return open_keys(options.key_uri(key_file, keys), with_passphrase=with_passphrase, passphrase=ask)


def _audited(home: str | None, action: str, provider: "KeysetProvider", work: Any, **facts: Any) -> "Keyset":
    from clearance.governance.registry import Registry
    from clearance.jobs.keyring import audited

    return audited(Registry(home), action, provider, work, **facts)


def _change(
    action: str,
    provider: "KeysetProvider",
    home: str | None,
    output: str,
    reason: str | None,
    work: "Callable[[Keyset, Any], Keyset]",
    *,
    more: dict[str, Any] | None = None,
    **facts: Any,
) -> int:
    provider.keyset()  # what is not there or can't be read is told before anything is announced
    keyset = _audited(home, action, provider, lambda: provider.change(work), reason=reason, **facts)
    return _told(provider, keyset, output, **(more or {}))


def _told(provider: "KeysetProvider", keyset: "Keyset", output: str, **more: Any) -> int:
    from clearance.tokenization.lifecycle import described

    found = {"keys_uri": provider.uri, "key_file": str(provider.path), "keys": described(keyset), **more}
    emit(found, output, _print)
    return 0


def _print(told: Any) -> None:
    rows = []
    for key in told["keys"]:
        # Nothing destroys it by itself: its roots are there until the second call.
        pending = f"disabled; destroy it again after {key['due']}"
        use = {"enabled": "writes and reads" if key["writes"] else "reads", "pending": pending}
        scope = "all domains" if key["domains"] == ["*"] else ", ".join(key["domains"]) or "-"
        rows.append([key["kid"], use.get(key["state"], key["state"]), key["created"][:10], scope])
    table(["key id", "use", "created", "domains"], rows)
    for entry in told.get("datasets", ()):
        lost = ", ".join(entry["irreversible"])
        means = f"never reversible again: {lost}" if lost else "tokens can't be recomputed or joined by new data"
        click.echo(f"  {entry['dataset']}  {means}")
    for entry in told.get("subject_keys", ()):
        count = "keys, nobody here can count them," if entry["keys"] is None else f"{entry['keys']} persons' keys"
        copies = f", so never again their tokens in {', '.join(entry['datasets'])}" if entry["datasets"] else ""
        click.echo(f"  {entry['table']}  {count} can't be unwrapped without it{copies}")


def _delay(text: str) -> "timedelta":
    import re
    from datetime import timedelta

    match = re.fullmatch(r"(\d{1,5})([dh])", text)
    if match is None:
        raise UsageError(f"--after {text!r} is no time", hint="write 7d or 36h")
    return timedelta(**{"days" if match[2] == "d" else "hours": int(match[1])})
