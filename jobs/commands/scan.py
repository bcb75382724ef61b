"""``clearance scan``."""

from dataclasses import replace
from typing import Any

import click

from clearance.errors import DatasetError, DetectionError
from clearance.jobs.commands import options
from clearance.jobs.commands.one_text import read_one_text
from clearance.jobs.commands.output import emit, print_scan, print_spans
from clearance.jobs.commands.progress import Progress


@click.command("scan")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("--text", metavar="FILE", help="Look at one text instead: a file, or - for standard input.")
@options.output
@options.policy
@options.facts
@options.home
@options.key_file
@options.reading
@options.extent
@options.detection
@options.log_format
def command(datasets: tuple[str, ...], text: str | None, output: str, log_format: str, **given: Any) -> int:
    """Find sensitive data in DATASETs: paths, globs, folders, URIs, tables or databases.

    Exits 0 when the scan is complete, whatever it found. Results go to standard output; with `--format json` one JSON
    object a dataset.
    """
    if text is not None:
        if datasets:
            raise click.UsageError("name datasets or --text, not both")
        return _scan_text(text, output, given)
    if not datasets:
        raise click.UsageError("name a dataset, or a text with --text -")
    from clearance.jobs.datasets import expand, expand_database
    from clearance.jobs.session import get_session
    from clearance.jobs.tasks import scan

    progress = Progress(log_format)
    desk = options.desk(given)
    facts = options.declared(given["facts"])
    extent = options.how_much(given)
    template = options.reference(datasets[0], given)
    found = [reference for name in datasets for reference in expand(name, format=template.format)]
    for each in found:
        replace(template, text=each.text).check()
    progress.say("starting Spark")
    spark = get_session()
    found = [table for reference in found for table in expand_database(spark, reference)]
    failed = []
    for each in found:
        reference = replace(template, text=each.text)
        progress.say("scanning", dataset=each.text)
        try:
            scanned = scan(spark, reference, desk, facts=facts, extent=extent)
        except (DatasetError, DetectionError) as error:
            if len(found) == 1:
                raise
            # One that can't be read is told, and the others are looked at all the same.
            failed.append(each.text)
            progress.say("failed", dataset=each.text, why=error.message, hint=error.hint)
            continue
        progress.say("scanned", dataset=each.text, rows=scanned.scan.rows, columns=len(scanned.columns))
        emit(scanned.to_dict(), output, print_scan)
    if failed:
        raise DatasetError(
            f"{len(failed)} of {len(found)} datasets could not be scanned: {', '.join(failed)}",
            hint="each says why above; without a label it is refused everywhere",
        )
    return 0


def _scan_text(text: str, output: str, given: dict[str, Any]) -> int:
    from clearance.jobs.workers import find_in_texts

    content = read_one_text(text)
    desk = options.desk(given)
    tokens = desk.tokens_if_any()
    spans = find_in_texts([content], desk.detection.engine(), tokens.open() if tokens else None)[0]
    found = {
        "spans": [
            {
                "start": span.start,
                "end": span.end,
                "entity_type": span.entity_type,
                "score": span.score,
                "detector": span.detector,
            }
            for span in spans
        ]
    }
    emit(found, output, print_spans)
    return 0
