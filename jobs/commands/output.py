"""Results for people and for machines. Nothing but the result goes to standard output."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from clearance.jobs.commands.fitting import say, spared, table_lines, terminal_width
from clearance.jobs.verdict_words import json_text, plain, printable

_COLOURS = {"public": "green", "internal": "cyan", "confidential": "yellow", "restricted": "red"}
_VERDICTS = {"clear": "green", "conflict": "red", "escalated": "yellow", "undecidable": "yellow"}


def emit(result: Mapping[str, Any], output: str, printer: Callable[[Mapping[str, Any]], None]) -> None:
    """The result as one line of JSON, or as ``printer`` shows it, whatever a column in it is called."""
    if output == "json":
        click.echo(json_text(result))
    else:
        printer(shown(result))


def shown(told: Any) -> Any:
    """The same with every text in it printable."""
    if isinstance(told, str):
        return printable(told)
    if isinstance(told, Mapping):
        return {shown(key): shown(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [shown(one) for one in told]
    return told


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Prints :func:`table_text`; on a terminal it is made to fit."""
    click.echo(table_text(headers, rows, indent=indent, room=terminal_width()))


def table_text(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, indent: str = "", room: int | None = None
) -> str:
    """A plain table, columns padded to their widest cell (styles don't count), or wrapped to fit into ``room``."""
    body = [list(headers), *[list(row) for row in rows]]
    head, *rest = table_lines(body, None if room is None else room - len(indent))
    lines = [click.style((indent + line).rstrip(), bold=True) for line in head]
    return "\n".join([*lines, *((indent + line).rstrip() for row in rest for line in row)])


def level(name: str) -> str:
    """A level in its colour."""
    return click.style(name, fg=_COLOURS.get(name))


def verdict(name: str) -> str:
    """A verdict in its colour."""
    return click.style(name, fg=_VERDICTS.get(name), bold=True)


def _share(finding: Mapping[str, Any]) -> str:
    share = finding["prevalence"]["estimate"]
    return f"{share:.0%}" if share >= 0.01 or share == 0 else "<1%"


def _turns(finding: Mapping[str, Any]) -> str:
    """Who says it, in a chat."""
    turns = finding.get("turns", {})
    return f" ({', '.join(f'{role} {rows:,}' for role, rows in turns.items())})" if turns else ""


def _role(column: Mapping[str, Any]) -> str:
    """What a column tells of somebody together with others, or must not tell; that it names them its type says."""
    called = {"quasi": "quasi-identifier", "sensitive": "sensitive"}.get(column["role"])
    if called is None:
        return ""
    about = column.get("attribute")
    told = called if about is None else f"{called}: {about.lower().replace('_', ' ')}"
    return f"({told})" if column["findings"] else told


def print_scan(scan: Mapping[str, Any]) -> None:
    """Columns with what was found in them, and the dataset's label."""
    click.echo(f"{click.style(scan['dataset'], bold=True)}  {scan['rows']:,} rows  {level(scan['label']['level'])}")
    coverage = scan["coverage"]
    if coverage["mode"] != "full" or "reason" in coverage:
        say(f"  {coverage['statement']}", hang=4)
    rows = []
    for column in scan["columns"]:
        found = [
            f"{f['entity_type']}{' (token)' if f['form'] == 'token' else ''} {_share(f)}{_turns(f)}"
            for f in column["findings"][:6]
        ]
        if len(column["findings"]) > 6:
            found.append(f"and {len(column['findings']) - 6} more")
        label, looked_at = column["label"], column["kind"] != "unknown"
        rows.append(
            [
                column["path"],
                column["type"],
                column["kind"],
                f"{column['nulls'] / column['rows']:.0%}" if column["rows"] and looked_at else "-",
                f"{column['distinct']:,}" if looked_at else "-",
                level(label["level"]),
                " ".join(filter(None, [", ".join(found), _role(column)])) or "-",
                ", ".join(label["regimes"]),
            ]
        )
    body = [["column", "type", "kind", "nulls", "distinct", "level", "found", "regimes"], *rows]
    room = terminal_width()
    left = spared(body, None if room is None else room - 2, ["distinct", "nulls", "kind"])
    told = [number for number, name in enumerate(body[0]) if name not in left]
    table([body[0][n] for n in told], [[row[n] for n in told] for row in rows], indent="  ")
    if left:
        click.echo(f"  on a wider terminal, and with --format json: {', '.join(left)}")
    if scan.get("malformed"):
        click.echo(f"  malformed records: {scan['malformed']:,}; their text is the column _corrupt_record")
    if scan.get("renamed_columns"):
        click.echo(f"  {scan['renamed_columns']} column names look like values and are called column_<n> here")
        click.echo("  a file without a header is read with --option header=false")


def print_spans(found: Mapping[str, Any]) -> None:
    """Spans of one text: places and types, not what stands there."""
    if not found["spans"]:
        click.echo("nothing found")
        return
    table(
        ["start", "end", "entity type", "score", "detector"],
        [
            [str(s["start"]), str(s["end"]), s["entity_type"], f"{s['score']:.2f}", s["detector"]]
            for s in found["spans"]
        ],
    )


def print_check(checked: Mapping[str, Any]) -> None:
    """A verdict with every reason for a no."""
    click.echo(f"{verdict(checked['verdict'])}  {checked['dataset']}  for  {checked['solution']}")
    if checked["label"]:
        label = checked["label"]
        regimes = f"  under {', '.join(label['regimes'])}" if label["regimes"] else ""
        click.echo(f"  label: {level(label['level'])}{regimes}")
    if checked["label"] and checked["reason"]:
        say(f"  note: {checked['reason']}", hang=4)
    for conflict in checked["conflicts"]:
        where = f" at {conflict['column']}" if conflict["column"] else ""
        facts = ", ".join(
            plain(value) if key == conflict["rule"] else f"{key.replace('_', ' ')} {plain(value)}"
            for key, value in conflict["facts"].items()
        )
        say(f"  - {click.style(conflict['rule'], bold=True)}{where}: {facts}", hang=4)
        if by := conflict["waived"]:
            told = f"by {by['approver']} until {by['expires']}: {by['reason']} ({by['where']})"
            say(f"    {click.style('waived', fg='yellow')} {told}", hang=6)
            continue
        say(f"    remedy: {conflict['remedy']}", hang=6)
        if conflict["where"]:
            click.echo(f"    policy: {conflict['where']}")


def print_label(told: Mapping[str, Any]) -> None:
    """A dataset's label and those of its columns."""
    label = told["label"]
    click.echo(f"{click.style(told['dataset'], bold=True)}  {level(label['level'])}")
    for name in ("categories", "regimes", "subjects"):
        if label[name]:
            click.echo(f"  {name}: {', '.join(label[name])}")
    rows = [[c["path"], level(c["label"]["level"]), ", ".join(c["label"]["categories"])] for c in told["columns"]]
    table(["column", "level", "categories"], rows, indent="  ")


def print_protected(done: Mapping[str, Any]) -> None:
    """What was done to each column."""
    proof = done["proof"]
    click.echo(
        f"{click.style(done['dataset'], bold=True)}  version {done['version']}  {done['rows']:,} rows  "
        f"{level(done['label']['level'])}"
    )
    if done.get("prepared"):
        print_prepared(done["prepared"])
    rows = []
    for column in done["columns"]:
        method = "-" if column["how"] == "keep" else str(column["method"].get("name"))
        changed = (
            ""
            if column["type_before"] == column["type_after"]
            else f"{column['type_before']} -> {column['type_after']}"
        )
        label = level(column["label"]["level"])
        rows.append([column["path"], column["entity_type"] or "-", method, label, changed, column.get("note", "")])
    headers = ["column", "entity type", "method", "level", "type", "note"]
    # Few datasets change a type or need a note: what says nothing is left out.
    told = [number for number in range(len(headers)) if number < 4 or any(row[number] for row in rows)]
    table([headers[number] for number in told], [[row[number] for number in told] for row in rows], indent="  ")
    click.echo(f"  proved: {proof['checked_cells']:,} cells and {proof['checked_texts']:,} texts, rows and nulls equal")
    print_mapped(done, done["dataset"])
    if bound := done.get("subject"):
        click.echo(
            f"  bound to the persons in {bound['column']}: clearance erase --subject-type {bound['entity_type']}"
        )
    print_unmatched(done)


def print_mapped(done: Mapping[str, Any], name: str) -> None:
    """A warning where not every reader of Delta reads the copy: one gives nulls for all that is in it."""
    if done.get("column_mapping"):
        told = (
            f"column names of {name} need Delta's column mapping: Spark reads it, Polars does not, and deltalake's "
            "to_pandas and to_pyarrow_table give nulls; publish as Parquet for them, or rename columns with spaces"
        )
        click.echo(f"{click.style('warning', fg='yellow')}: {told}")


def with_unmatched(result: dict[str, Any], nowhere: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """A result with the columns that the policy names and no dataset has (``jobs/unmatched.py``), where there are."""
    return result | ({"unmatched_columns": list(nowhere)} if nowhere else {})


def print_unmatched(result: Mapping[str, Any]) -> None:
    """A warning for each column of ``with_unmatched``."""
    for each in result.get("unmatched_columns", ()):
        meant = f"; perhaps {each['perhaps']} is meant" if each["perhaps"] else ""
        told = f"the policy names the column {each['column']}, which no dataset on record has{meant}"
        click.echo(f"{click.style('warning', fg='yellow')}: {told}")


def print_prepared(steps: Sequence[Mapping[str, Any]]) -> None:
    """What each step of a preparation did: counts."""
    rows = []
    for step in steps:
        dropped = f"{step['records_dropped']:,}" if step["records_dropped"] else "-"
        columns = step["columns"] or {"-": {"changed": 0, "nulls_made": 0}}
        for number, (name, done) in enumerate(columns.items()):
            counts = [f"{done[key]:,}" if done[key] else "-" for key in ("changed", "nulls_made")]
            rows.append([step["step"] if not number else "", name, *counts, dropped if not number else ""])
    table(["prepared", "column", "changed", "nulls made", "records dropped"], rows, indent="  ")


def _now(checked: Mapping[str, Any]) -> str:
    """A verdict with the rules behind it."""
    rules = sorted({conflict["rule"] for conflict in checked["conflicts"]})
    return verdict(checked["verdict"]) + (f" ({', '.join(rules)})" if rules else "")


def print_run(result: Mapping[str, Any]) -> None:
    """A line for each dataset and solution: before, what was done, after."""
    rows = []
    for done in result["datasets"]:
        if done["error"]:
            rows.append([done["name"], "-", "-", click.style("failed", fg="red"), done["error"]["message"], "-"])
            continue
        after = {checked["solution"]: checked for checked in done["after"]}
        for checked in done["before"]:
            solution = checked["solution"]
            did = "-"
            if done["protected"] and solution in after:
                changed = [column for column in done["protected"]["columns"] if column["how"] != "keep"]
                did = f"{len(changed)} column{'s' if len(changed) != 1 else ''} protected"
            rows.append(
                [
                    done["name"],
                    level(done["label"]["level"]),
                    solution,
                    _now(checked),
                    did,
                    _now(after.get(solution, checked)),
                ]
            )
    table(["dataset", "level", "solution", "before", "done", "now"], rows)
    for done in result["datasets"]:
        if done["prepared"]:
            click.echo(click.style(done["name"], bold=True))
            print_prepared(done["prepared"])
        print_mapped(done["protected"] or {}, done["name"])
    print_unmatched(result)
    click.echo(f"verdict file: {result['verdict_file']}")
