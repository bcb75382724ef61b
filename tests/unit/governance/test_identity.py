"""One dataset, one name, however it is typed; and no name for what carries a secret."""

import platform

import pytest

from clearance.errors import UsageError
from clearance.governance.identity import dataset_identity, event_identity


def test_every_spelling_of_a_local_path_is_one_name(tmp_path, monkeypatch):
    (tmp_path / "data" / "orders").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "data" / "orders")
    spellings = [
        path,
        path + "/",
        f"file://{path}",
        f"file:{path}/",
        f"file://localhost{path}",
        f"FILE://{path}",
        "data/orders",
        "./data/orders/",
        "data/../data/orders",
    ]
    assert {dataset_identity(s).key for s in spellings} == {f"file://{path}"}
    found = dataset_identity("data/orders")
    assert (found.namespace, found.name, found.location) == ("file", path, path)
    assert str(found.local_path) == path


@pytest.mark.parametrize(
    ("ref", "namespace", "name", "key"),
    [
        ("s3://bucket/a/b", "s3://bucket", "a/b", "s3://bucket/a/b"),
        ("s3a://bucket/a/b/", "s3://bucket", "a/b", "s3://bucket/a/b"),
        ("S3N://bucket//a/./x/../b", "s3://bucket", "a/b", "s3://bucket/a/b"),
        ("gs://bucket", "gs://bucket", "/", "gs://bucket/"),
        ("gs://bucket/", "gs://bucket", "/", "gs://bucket/"),
        ("hdfs://NameNode:8020/data/x/", "hdfs://namenode:8020", "/data/x", "hdfs://namenode:8020/data/x"),
        (
            "abfs://raw@Store.dfs.core.windows.net/x",
            "abfss://raw@store.dfs.core.windows.net",
            "/x",
            "abfss://raw@store.dfs.core.windows.net/x",
        ),
        ("dbfs:/mnt/x", "dbfs", "/mnt/x", "dbfs:/mnt/x"),
    ],
)
def test_object_stores_follow_the_openlineage_naming(ref, namespace, name, key):
    found = dataset_identity(ref)
    assert (found.namespace, found.name, found.key) == (namespace, name, key)
    assert found.local_path is None


def test_what_spark_opens_is_spelled_as_hadoop_knows_it():
    spelled, plain = dataset_identity("s3a://bucket/a/"), dataset_identity("s3://bucket/a")
    assert spelled == plain and hash(spelled) == hash(plain)
    assert (spelled.location, plain.location) == ("s3a://bucket/a", "s3://bucket/a")


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("sales.orders", "spark_catalog.sales.orders"),
        ("Spark_Catalog.Sales.ORDERS", "spark_catalog.sales.orders"),
        ("table:orders", "spark_catalog.default.orders"),
        ("main.Sales.Orders", "main.Sales.Orders"),
        ("lake.`odd.schema`.`t``x`", "lake.`odd.schema`.`t``x`"),
    ],
)
def test_tables_are_qualified(ref, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = dataset_identity(ref)
    assert (found.kind, found.namespace, found.name, found.key) == ("table", "table", name, f"table:{name}")


def test_two_metastores_keep_their_tables_apart(monkeypatch):
    here = dataset_identity("sales.orders").key
    monkeypatch.setenv("CLEARANCE_CATALOG", "hive://metastore:9083/")
    there = dataset_identity("sales.orders")
    assert there.namespace == "hive://metastore:9083"
    assert there.key == "hive://metastore:9083/spark_catalog.sales.orders" != here


def test_what_exists_or_looks_like_a_file_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.orders").mkdir()
    assert dataset_identity("sales.orders").kind == "path"
    assert dataset_identity("orders.csv").kind == "path"
    assert dataset_identity("orders").kind == "path"
    assert dataset_identity("sales.orders", "table").kind == "table"


def test_a_key_can_be_typed_back(tmp_path):
    for ref in (
        str(tmp_path),
        "s3a://b/x",
        "a.b.c",
        "hdfs://nn/x",
        "gs://b",
        "dbfs:/mnt/x",
        "hdfs:///x",
        "frame:tickets",
    ):
        key = dataset_identity(ref).key
        assert dataset_identity(key).key == key


def test_a_link_pointed_elsewhere_is_another_dataset(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    link = tmp_path / "current"
    link.symlink_to("a")
    first = dataset_identity(str(link)).key
    assert first == dataset_identity(str(tmp_path / "a")).key
    link.unlink()
    link.symlink_to("b")
    assert dataset_identity(str(link)).key != first


@pytest.mark.parametrize(
    "ref",
    [
        "s3://AKIAQ7:hunter2secret@bucket/x",
        "https://store.example/x?sv=1&sig=hunter2secret",
        "s3://bucket/x?X-Amz-Signature=hunter2secret",
    ],
)
def test_a_credential_is_refused_and_not_repeated(ref):
    with pytest.raises(UsageError) as raised:
        dataset_identity(ref)
    assert "hunter2secret" not in str(raised.value)
    assert raised.value.hint


def test_a_file_of_another_machine_is_told_by_it_and_not_by_its_password() -> None:
    with pytest.raises(UsageError, match=r"another machine \(worker1\)") as caught:
        dataset_identity("file://ann:secret@worker1/data/x.csv")
    assert "secret" not in str(caught.value)


def test_in_an_event_it_has_a_name_of_its_own_that_can_be_typed_back() -> None:
    key = event_identity("file://ann:secret@Worker1", "/data/../data/x.csv").key
    assert key == "lineage:/file/worker1/data/x.csv" == dataset_identity(key).key
    assert event_identity("file://worker1/share", "x.csv").key == "lineage:/file/worker1/share/x.csv"


@pytest.mark.parametrize("namespace", ["file", "file:", "file://", "file://localhost", f"FILE://{platform.node()}"])
def test_a_file_of_this_machine_is_the_path(namespace: str) -> None:
    assert event_identity(namespace, "/nowhere/x.csv").key == dataset_identity("/nowhere/x.csv").key


@pytest.mark.parametrize("ref", ["", "  ", "a\nb", "file://otherhost/x"])
def test_nonsense_is_a_usage_error(ref):
    with pytest.raises(UsageError):
        dataset_identity(ref)


@pytest.mark.parametrize("ref", ["a.b.c.d", "a..b", "1a.b", "a b"])
def test_a_bad_table_name_is_a_usage_error(ref):
    with pytest.raises(UsageError):
        dataset_identity(ref, "table")
