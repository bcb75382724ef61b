"""The whole job on Spark Connect: a server of its own with Delta, and a session of the caller's, used untouched."""

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from pyspark.sql import SparkSession

brought = SparkSession.builder.remote("local[2]").getOrCreate()

from clearance.governance.policy import load_policy
from clearance.jobs.check import check, find_solutions
from clearance.jobs.datasets import Reference, from_frame
from clearance.jobs.desk import open_desk
from clearance.jobs.extent import Extent
from clearance.jobs.session import get_session, is_connect
from clearance.jobs.settings import Detection
from clearance.jobs.staging import Target
from clearance.jobs.tasks import protect, scan, write_to_table

spark = get_session()
told = {"untouched": spark is brought, "connect": is_connect(spark)}
desk = open_desk(detection=Detection(ner=None))
bot = find_solutions()["public-bot"]

source = Reference("people.csv")
scanned = scan(spark, source, desk)
told["rows"] = scanned.scan.rows
told["types"] = {c.path: c.entity_type for c in scanned.scan.columns}
told["before"] = check("people.csv", bot, desk.policy, desk.registry).verdict.verdict
target = Target("out/people")
done = protect(spark, source, target, desk, scanned=scanned)
again = protect(spark, Reference("out/people"), Target("out/twice"), desk)
told["after"] = check("out/people", bot, desk.policy, desk.registry).verdict.verdict
told["version"] = done.version

first = spark.read.format("delta").load("out/people")
second = spark.read.format("delta").load("out/twice")
told["same"] = first.count() == first.intersectAll(second).count() == 40
told["metadata"] = first.schema["email"].metadata
told["joined"] = first.select("email").join(second.select("email"), "email").count()

# A frame with an odd name and a nested one, made by the caller.
frame = spark.createDataFrame([({"e.mail x": ["mara@mail.com"]},)], "user struct<`e.mail x`: array<string>>")
nested = protect(spark, from_frame(frame, "nested"), Target("out/nested"), desk)
told["nested"] = [leaf.path for leaf in nested.plan.changed]
write_to_table(spark, Reference("out/nested"), desk, nested.label)

# Some of the rows, and those that came later.
mails = spark.range(200).selectExpr("id", "concat('u', id, '@mail.com') as email")
mails.write.format("delta").save("out/numbers")
some = scan(spark, Reference("out/numbers"), desk, extent=Extent("sample", 0.1, 0.9)).scan
told["some"] = [some.coverage.rows_read, some.coverage.reason, some.columns[1].entity_type]
scan(spark, Reference("out/numbers"), desk)
mails.limit(3).write.format("delta").mode("append").save("out/numbers")
added = scan(spark, Reference("out/numbers"), desk, extent=Extent("incremental")).scan
told["added"] = [added.coverage.mode, added.coverage.rows_read, added.rows]
print("TOLD " + json.dumps(told))
brought.stop()
"""


def test_scan_protect_and_check_on_a_connect_session(project, write_csv):
    from clearance.jobs.session import _remembered_jars, delta_coordinates

    write_csv(project.path / "people.csv", 40)
    jars = _remembered_jars()
    delta = f"spark.jars {','.join(jars)}" if jars else f"spark.jars.packages {delta_coordinates()}"
    project.write(
        "conf/spark-defaults.conf",
        f"{delta}\nspark.sql.extensions io.delta.sql.DeltaSparkSessionExtension\n"
        "spark.sql.catalog.spark_catalog org.apache.spark.sql.delta.catalog.DeltaCatalog\n"
        "spark.sql.shuffle.partitions 2\nspark.databricks.delta.snapshotPartitions 2\nspark.ui.enabled false\n",
    )
    script = project.write("job.py", SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=project.path,
        env={
            **project.env,
            "SPARK_CONF_DIR": str(project.path / "conf"),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=400,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert lines, done.stderr[-4000:]
    told = json.loads(lines[0].removeprefix("TOLD "))
    assert told["untouched"] and told["connect"]
    assert told["rows"] == 40
    assert told["types"]["email"] == "EMAIL_ADDRESS" and told["types"]["card"] == "CREDIT_CARD"
    assert (told["before"], told["after"], told["version"]) == ("conflict", "clear", "0")
    assert told["same"] and told["joined"] == 40
    assert told["metadata"]["clearance.entity_type"] == "EMAIL_ADDRESS"
    assert told["nested"] == ["user.`e.mail x`[]"]
    assert told["some"] == [22, "", "EMAIL_ADDRESS"]
    assert told["added"] == ["incremental", 3, 203]
