"""What Clearance writes, read by the programs that others have: OpenLineage's Java client, DuckDB, Polars, delta-rs."""

import hashlib
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyspark
import pytest
from deltalake import DeltaTable

from clearance.cache import cache_home
from clearance.governance.audit import Audit
from clearance.governance.identity import dataset_identity
from clearance.governance.lineage import LineageRun
from clearance.governance.lineage_facets import ColumnEdge, lineage_dataset
from clearance.governance.lineage_spool import LineageSpool
from clearance.governance.registry import Registry

#: The client, and what it needs beside the Jackson and SLF4J that Spark brings: path at Maven Central, SHA-256.
JARS = {
    "io/openlineage/openlineage-java/1.54.0/openlineage-java-1.54.0.jar": (
        "07fe5160690969682917dbf019138cb86196f77efbefffcd9d9ce09f831eeb4c"
    ),
    "com/fasterxml/jackson/datatype/jackson-datatype-jdk8/2.20.0/jackson-datatype-jdk8-2.20.0.jar": (
        "3eae9db4a4ebb81c33067ab6683a1b12967317957f433c5dcec2a859237c4877"
    ),
    "com/fasterxml/jackson/module/jackson-module-blackbird/2.20.0/jackson-module-blackbird-2.20.0.jar": (
        "e28b563655d6863e50f2992b27b7262df6e0ddde88858adf9e51e3f268e1edc1"
    ),
}
LABEL = {
    "level": "confidential",
    "categories": ["user.contact.email"],
    "regimes": ["CCPA", "GDPR"],
    "subjects": ["customer"],
}
SCHEMA = {
    "type": "struct",
    "fields": [{"name": name, "type": "string", "nullable": True, "metadata": {}} for name in ("id", "email")],
}


@pytest.fixture(scope="module")
def openlineage_java() -> str:
    """A class path with the client, from Maven Central or the mirror that is set; kept where Delta's JARs are."""
    mirror = os.environ.get("CLEARANCE_MAVEN_MIRROR") or "https://repo1.maven.org/maven2"
    kept = []
    for path, digest in JARS.items():
        kept.append(cache_home() / "maven" / Path(path).name)
        if not kept[-1].exists():
            try:
                with urllib.request.urlopen(f"{mirror.rstrip('/')}/{path}", timeout=60) as answer:
                    content = answer.read()
            except OSError as error:
                pytest.skip(f"needs Maven Central or CLEARANCE_MAVEN_MIRROR, which can't be reached: {error}")
            kept[-1].parent.mkdir(parents=True, exist_ok=True)
            kept[-1].write_bytes(content)
        assert hashlib.sha256(kept[-1].read_bytes()).hexdigest() == digest
    return ":".join([*map(str, kept), f"{Path(pyspark.__file__).parent}/jars/*"])


def test_our_events_parse_in_openlineage_s_java_client(openlineage_java: str, tmp_path: Path) -> None:
    """Read as its objects: types of steps, masking, tags of columns and of the run."""
    source, target = dataset_identity("s3://lake/raw"), dataset_identity("s3://lake/protected")
    edges = [
        ColumnEdge("id", source, "id", identity=True),
        ColumnEdge("email", source, "email", masking=True, description="token (EMAIL_ADDRESS)"),
    ]
    output = lineage_dataset(
        target,
        schema=SCHEMA,
        version="3",
        rows=9,
        edges=edges,
        role="output",
        label=LABEL,
        column_labels={"email": LABEL},
    )
    run = LineageRun("clearance.protect", LineageSpool(tmp_path / "lineage"))
    inputs = [lineage_dataset(source, schema=SCHEMA, version="2", role="input")]
    run.start(inputs, [output])
    run.complete(inputs, [output], label=LABEL, head=(7, "0" * 64))

    java = shutil.which("java")
    assert java is not None
    command = [java, "-cp", openlineage_java, str(Path(__file__).with_name("OpenLineageReader.java"))]
    done = subprocess.run(
        [*command, str(tmp_path / "lineage" / "events.jsonl")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith("event")] == [
        "event START clearance.protect",
        "event COMPLETE clearance.protect",
    ]
    assert "column email <- email DIRECT TRANSFORMATION masking=true" in said
    assert "column id <- id DIRECT IDENTITY masking=false" in said
    assert "tag email clearance.level=confidential" in said
    assert "tag null clearance.level=confidential" in said
    assert "run-tag clearance.level=confidential" in said
    assert "run-tag clearance.audit.index=7" in said


def test_the_registry_in_the_readers_of_others(tmp_path: Path) -> None:
    """Labels by name, and the whole chain; `tests/spark/test_tags.py` reads what Spark published and tagged."""
    registry, dataset = Registry(tmp_path / "home"), "file:///orders"
    row: dict[str, Any] = {
        "dataset": dataset,
        "version": "1",
        "kind": "source",
        "label": LABEL,
        "columns": {"email": LABEL},
        "policy_digest": "d",
    }
    with Audit(registry).filing("label", [("labels", row)], run_id="r", dataset=dataset):
        pass
    labels, audit = registry.location("labels"), registry.location("audit")
    found = polars.read_delta(labels).filter(polars.col("dataset") == dataset)
    assert found["label"].str.json_path_match("$.level").to_list() == ["confidential"]
    chain = DeltaTable(audit).to_pyarrow_table().sort_by("index").to_pylist()
    assert [each["index"] for each in chain] == [0, 1]
    assert chain[1]["previous"] == chain[0]["hash"]
    with duckdb.connect() as db:
        # Its own Delta extension comes from the network; what delta-rs opens, it reads without.
        db.register("labels", DeltaTable(labels).to_pyarrow_dataset())
        told = db.execute("SELECT dataset, label->>'$.level' FROM labels").fetchall()
    assert told == [(dataset, "confidential")]
