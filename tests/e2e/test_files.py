"""Reading and writing files: formats, options, save modes, partitions, and writes that fail."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql.connect import functions as F

from harness import files_under


@pytest.fixture
def people(spark):
    rows = [(1, "Ann", 1.5, None), (2, "Bob", None, "x,y"), (3, "Zoë", -0.25, 'say "hi"')]
    return spark.createDataFrame(rows, "id INT, name STRING, score DOUBLE, note STRING")


def rows(df):
    return sorted(tuple(r) for r in df.collect())


@pytest.mark.parametrize("form", ["parquet", "json", "csv"])
def test_what_is_written_is_read(spark, people, tmp_path, form):
    path = str(tmp_path / form)
    people.write.option("header", True).format(form).save(path)
    back = spark.read.format(form).option("header", True).schema(people.schema).load(path)
    assert rows(back.select("id", "name", "score", "note")) == rows(people)
    assert "_SUCCESS" in files_under(path)


def test_text(spark, tmp_path):
    path = str(tmp_path / "text")
    spark.createDataFrame([("a",), ("",), ("ü b",)], "value STRING").coalesce(1).write.text(path)
    assert [r.value for r in spark.read.text(path).collect()] == ["a", "", "ü b"]
    whole = spark.read.text(path, wholetext=True).first().value
    assert whole == "a\n\nü b\n"


def test_csv_types_are_inferred(spark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("i,l,d,b,s,ts,day\n1,5000000000,1.5,true,x,2013-01-01 05:00:00,2013-01-01\nNA,1,NA,false,NA,NA,NA\n")
    df = spark.read.csv(str(path), header=True, inferSchema=True, nullValue="NA")
    assert [(f.name, f.dataType.simpleString()) for f in df.schema] == [
        ("i", "int"), ("l", "bigint"), ("d", "double"), ("b", "boolean"), ("s", "string"), ("ts", "timestamp"), ("day", "date"),
    ]  # fmt: skip
    assert df.collect()[1].i is None and df.collect()[0].l == 5_000_000_000


def test_csv_of_another_shape(spark, tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("# a comment\n1\t'a\tb'\n2\t\n3\n")
    df = spark.read.csv(str(path), sep="\t", quote="'", comment="#", schema="i INT, s STRING")
    assert rows(df.fillna("none")) == [(1, "a\tb"), (2, "none"), (3, "none")]


@pytest.mark.parametrize("mode, expected", [("PERMISSIVE", 3), ("DROPMALFORMED", 2)])
def test_malformed_records(spark, tmp_path, mode, expected):
    path = tmp_path / "bad.json"
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    assert len(spark.read.json(str(path), schema="a INT", mode=mode).collect()) == expected


def test_failfast_says_which_record(spark, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(Exception) as e:
        spark.read.json(str(path), schema="a INT", mode="FAILFAST").collect()
    assert "MALFORMED_RECORD_IN_PARSING" in str(e.value)


def test_save_modes(spark, tmp_path):
    path = str(tmp_path / "t")
    spark.range(3).write.parquet(path)
    with pytest.raises(AnalysisException) as e:
        spark.range(3).write.parquet(path)
    assert e.value.getCondition() == "PATH_ALREADY_EXISTS"
    spark.range(9).write.mode("ignore").parquet(path)
    assert spark.read.parquet(path).count() == 3
    spark.range(3, 5).write.mode("append").parquet(path)
    assert spark.read.parquet(path).count() == 5
    spark.range(2).write.mode("overwrite").parquet(path)
    assert spark.read.parquet(path).count() == 2


def partitioned(spark):
    return spark.range(12).select("id", (F.col("id") % 3).cast("int").alias("p"), F.concat(F.lit("k "), F.col("id") % 2).alias("q"))


def test_partitions_are_folders(spark, tmp_path):
    path = str(tmp_path / "t")
    partitioned(spark).write.partitionBy("p", "q").parquet(path)
    folders = {f.rpartition("/")[0] for f in files_under(path, ".parquet")}
    assert folders == {f"p={p}/q=k {q}" for p in range(3) for q in range(2)}
    back = spark.read.parquet(path)
    assert back.columns == ["id", "p", "q"] and rows(back) == rows(partitioned(spark))
    assert rows(back.where("p = 1 AND q = 'k 0'").select("id")) == [(4,), (10,)]


def test_a_partition_value_that_is_null_or_odd(spark, tmp_path):
    path = str(tmp_path / "t")
    values = [(1, None), (2, "a/b"), (3, "c=d"), (4, "100%"), (5, "")]
    spark.createDataFrame(values, "id INT, p STRING").write.partitionBy("p").parquet(path)
    assert "p=__HIVE_DEFAULT_PARTITION__" in {f.partition("/")[0] for f in files_under(path, ".parquet")}
    got = {r.id: r.p for r in spark.read.parquet(path).collect()}
    assert got == {1: None, 2: "a/b", 3: "c=d", 4: "100%", 5: None}


def test_a_static_overwrite_replaces_everything(spark, tmp_path):
    path = str(tmp_path / "t")
    partitioned(spark).write.partitionBy("p").parquet(path)
    partitioned(spark).where("p = 1").write.mode("overwrite").partitionBy("p").parquet(path)
    assert rows(spark.read.parquet(path).select("p").distinct()) == [(1,)]


def test_a_dynamic_overwrite_touches_no_other_partition(spark, tmp_path):
    path = str(tmp_path / "t")
    partitioned(spark).write.partitionBy("p").parquet(path)
    before = {f for f in files_under(path, ".parquet") if not f.startswith("p=1/")}
    new = partitioned(spark).where("p = 1").select((F.col("id") + 100).alias("id"), "p", "q")
    new.write.mode("overwrite").option("partitionOverwriteMode", "dynamic").partitionBy("p").parquet(path)
    after = files_under(path, ".parquet")
    assert before == {f for f in after if not f.startswith("p=1/")}, "files of other partitions changed"
    assert rows(spark.read.parquet(path).where("p = 1").select("id")) == [(101,), (104,), (107,), (110,)]


def test_dynamic_overwrite_by_the_session_setting(spark, tmp_path, database):
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    partitioned(spark).write.partitionBy("p").saveAsTable(f"{database}.t")
    spark.sql(f"INSERT OVERWRITE {database}.t PARTITION (p) SELECT 1000L, 'k', 2")
    assert rows(spark.sql(f"SELECT p, count(*) FROM {database}.t GROUP BY p")) == [(0, 4), (1, 4), (2, 1)]


@pytest.mark.parametrize("mode", ["overwrite", "append", "error"])
def test_a_failed_write_leaves_nothing(server, spark, tmp_path, mode):
    if mode == "overwrite" and server.pid is None:
        pytest.skip("Spark deletes the old files first: they are lost")
    path = str(tmp_path / "t")
    if mode != "error":
        spark.range(5).write.parquet(path)
    before = files_under(path)
    bad = spark.range(0, 100_000, 1, 4).select(F.when(F.col("id") == 99_999, F.raise_error(F.lit("stop here"))).otherwise(F.col("id")).alias("id"))
    with pytest.raises(Exception, match="stop here"):
        bad.write.mode(mode).parquet(path)
    assert files_under(path) == before
    if mode != "error":
        assert spark.read.parquet(path).count() == 5


def test_reading_and_overwriting_the_same_path_is_refused(own_server, spark, tmp_path):
    """Spark 4.3 through Connect fails half-way here, with the files gone."""
    path = str(tmp_path / "t")
    spark.range(5).write.parquet(path)
    with pytest.raises(AnalysisException):
        spark.read.parquet(path).write.mode("overwrite").parquet(path)
    assert spark.read.parquet(path).count() == 5


def test_globs_and_several_paths(spark, tmp_path):
    for n in range(3):
        spark.range(n + 1).write.parquet(str(tmp_path / f"part-{n}"))
    assert spark.read.parquet(str(tmp_path / "part-*")).count() == 6
    assert spark.read.parquet(str(tmp_path / "part-[01]")).count() == 3
    assert spark.read.parquet(str(tmp_path / "part-0"), str(tmp_path / "part-2")).count() == 4


def test_a_path_that_is_not_there(spark, tmp_path):
    with pytest.raises(AnalysisException) as e:
        spark.read.parquet(str(tmp_path / "nothing")).collect()
    assert e.value.getCondition() == "PATH_NOT_FOUND" and e.value.getSqlState() == "42K03"


def test_files_queried_by_path(spark, tmp_path):
    path = str(tmp_path / "t")
    spark.range(5).write.parquet(path)
    assert spark.sql(f"SELECT sum(id) FROM parquet.`{path}`").first()[0] == 10


def test_compression(spark, tmp_path):
    for codec, ending in [("gzip", ".json.gz"), ("none", ".json")]:
        path = str(tmp_path / codec)
        spark.range(100).coalesce(1).write.option("compression", codec).json(path)
        assert [f for f in files_under(path) if f.endswith(ending)]
        assert spark.read.json(path).count() == 100


def test_nested_types_in_parquet_and_json(spark, tmp_path):
    df = spark.sql("SELECT named_struct('a', 1, 'b', array('x', NULL)) AS s, map('k', 1.5D) AS m, DATE'2013-01-01' AS d, X'00FF' AS b")
    df.write.parquet(str(tmp_path / "p"))
    back = spark.read.parquet(str(tmp_path / "p"))
    assert back.first() == df.first() and back.schema["s"].dataType.simpleString() == "struct<a:int,b:array<string>>"
    df.drop("b").write.json(str(tmp_path / "j"))
    assert spark.read.schema("s STRUCT<a: INT, b: ARRAY<STRING>>, d DATE").json(str(tmp_path / "j")).first().s.b == ["x", None]


@pytest.mark.parametrize("form", ["parquet", "json", "csv"])
def test_each_row_knows_its_file(spark, tmp_path, form):
    spark.range(4).write.format(form).save(str(tmp_path / "a"))
    read = spark.read.schema("id LONG").format(form).load(str(tmp_path / "a"))
    assert read.columns == ["id"]
    names = {r[0] for r in read.where("id > 1").select(F.input_file_name()).collect()}
    assert len(names) >= 1 and all(n.startswith(f"file://{tmp_path}/a/part-") for n in names)
    later = read.withColumn("file", F.input_file_name()).groupBy("file").count().collect()
    assert sum(r["count"] for r in later) == 4 and all(r["file"].startswith("file:///") for r in later)
    assert spark.range(1).select(F.input_file_name()).collect() == [("",)]


def test_the_partitions_of_a_join_become_one(spark, tmp_path):
    """Those of a join over files wait for each other: read one after the other they would wait for ever."""
    big, small, out = (str(tmp_path / name) for name in ("big", "small", "out"))
    spark.range(0, 200000, 1, 8).withColumn("k", F.col("id") % 1000).write.parquet(big)
    spark.range(0, 100, 1, 1).withColumnRenamed("id", "k").write.parquet(small)

    def write():
        joined = spark.read.parquet(big).join(spark.read.parquet(small), "k")
        joined.coalesce(1).write.parquet(out)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            writing.result(timeout=60)
        finally:
            if not writing.done():
                spark.interruptAll()
    assert len(files_under(out, ".parquet")) == 1
    assert spark.read.parquet(out).count() == 20000
