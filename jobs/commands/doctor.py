"""``clearance doctor``."""

from collections.abc import Callable
from typing import Any

import click

from clearance.errors import ClearanceError
from clearance.jobs.commands import options
from clearance.jobs.commands.output import emit, table


@click.command("doctor")
@options.output
@options.home
@options.key_file
@click.option("--spark", is_flag=True, help="Also start Spark and read and write a small Delta table.")
def command(output: str, home: str | None, key_file: str | None, keys: str | None, spark: bool) -> int:
    """Check Java, the model, the keys and the registry, and say what to do about what is missing."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("java", _java),
        ("model", _model),
        ("keys", lambda: _keys(options.key_uri(key_file, keys))),
        ("registry", lambda: _registry(home)),
    ]
    if spark:
        checks.append(("spark", _spark))
    found: list[dict[str, Any]] = []
    for name, check in checks:
        try:
            found.append({"check": name, "ok": True, "told": check()})
        except ClearanceError as error:
            found.append({"check": name, "ok": False, "told": error.message, "hint": error.hint})
    emit({"checks": found}, output, _print)
    return 0 if all(check["ok"] for check in found) else 5


def _print(result: Any) -> None:
    rows = []
    for check in result["checks"]:
        mark = click.style("ok", fg="green") if check["ok"] else click.style("missing", fg="red")
        rows.append([mark, check["check"], check["told"] + (f" - {check['hint']}" if check.get("hint") else "")])
    table(["", "check", ""], rows)


def _java() -> str:
    from clearance.jobs.session import require_java

    require_java()
    return "Spark will find a Java it can run on"


def _model() -> str:
    from clearance.classifiers.engine import load_engine

    return f"detectors load; digest {load_engine().digest[:12]}"


def _keys(uri: str | None) -> str:
    from clearance.tokenization.keys import open_keys
    from clearance.tokenization.ring import REVERSAL

    provider = open_keys(uri)
    ring = provider.load()
    for domain in provider.keyset().domains - {"*"}:
        # Reversal is a permission of its own: whoever lacks it may be meant to.
        if not domain.endswith(REVERSAL):
            ring.require(domain)
    ring.require("")
    if provider.private:
        return f"{provider.path} is readable by you alone, and its {len(ring.kids)} key(s) open"
    return f"{provider.uri} unwraps {len(ring.kids)} key(s) of {provider.path}"


def _registry(home: str | None) -> str:
    from clearance.governance.audit import Audit
    from clearance.governance.registry import Registry

    registry = Registry(home)
    counts = registry.counts()
    if not counts:
        return f"{registry.home} is empty"
    report = Audit(registry).verify()
    if not report.ok:
        from clearance.errors import AuditError

        raise AuditError(f"the audit does not hold: {report.problems[0]}", hint="clearance audit verify says more")
    return f"{registry.home}: " + ", ".join(f"{n} {name}" for name, n in counts.items())


def _spark() -> str:
    import tempfile

    from clearance.jobs.failures import value_free
    from clearance.jobs.session import get_session

    session = get_session()
    with tempfile.TemporaryDirectory() as folder, value_free("writing a Delta table", hint="see Spark's log"):
        session.range(3).write.format("delta").save(f"{folder}/t")
        assert session.read.format("delta").load(f"{folder}/t").count() == 3
    return f"Spark {session.version} reads and writes Delta"
