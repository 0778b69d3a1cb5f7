"""ORC: files that Spark wrote and files that we write, types, tables, and files that are broken.

`data/orc/spark-*.orc` were written by Apache Spark 4.3, one for each codec; `spark-runs.orc` has the many ways
in which its writer puts numbers and words.
"""

import pathlib
import shutil

import pytest
from pyspark.errors import AnalysisException, PySparkException

from harness import files_under

DATA = pathlib.Path(__file__).parents[1] / "data" / "orc"
CODECS = ["none", "snappy", "zstd", "zlib", "lz4"]

# What is in `spark-<codec>.orc`, and a row of NULLs.
TYPES = """
    CAST(1 AS TINYINT) b, CAST(2 AS SMALLINT) s, 3 i, 4L l, CAST(1.5 AS FLOAT) f, 2.5D d, true t, 'abc' str,
    X'0102' bin, CAST('12.34' AS DECIMAL(10,2)) dec, CAST('-12345678901234567890.123456' AS DECIMAL(38,6)) wide,
    DATE'2020-02-03' dt, TIMESTAMP'2020-02-03 04:05:06.123456' ts, TIMESTAMP_NTZ'1969-12-31 23:59:58.5' ntz,
    array(1,null,3) arr, map('a',1,'b',null) m, named_struct('x',1,'y',array('q')) st,
    INTERVAL '1-2' YEAR TO MONTH ym, INTERVAL '1 02:03:04.5' DAY TO SECOND ds, DATE'0001-01-02' old,
    TIMESTAMP'1500-01-01 00:00:00' oldts"""

# What is in `spark-runs.orc`, of `id` from 0 to 699.
RUNS = [
    "id", "id * id % 1000003 AS square", "if(id % 100 = 0, id * 1000000007, id % 50) AS patched",
    "concat('w', id % 7) AS word", "cast(id % 5 AS SMALLINT) AS small", "if(id % 3 = 0, NULL, -id) AS gaps",
    "array_repeat(id, int(id % 4)) AS xs", "timestamp_micros(id * 1234567 - 101234494) AS ts",
    "date_add(DATE'2000-01-01', int(id)) AS d", "cast(id / 7 AS DECIMAL(20,5)) AS dec", "id % 2 = 0 AS flag",
    "cast(id % 9 AS TINYINT) AS tiny",
    "if(id % 4 = 0, NULL, named_struct('a', id, 'b', if(id % 5 = 0, NULL, map('k', id)))) AS st",
]  # fmt: skip


@pytest.fixture(autouse=True)
def utc(spark):
    spark.conf.set("spark.sql.session.timeZone", "UTC")


def texts(df):
    """Rows as text, so that days before the year 1 of Python and intervals can be told."""
    return sorted(tuple(map(str, r)) for r in df.selectExpr(*[f"CAST(`{c}` AS STRING) AS `{c}`" for c in df.columns]).collect())


def expected_types(spark):
    nulls = ", ".join(["NULL"] * 21)
    return spark.sql(f"SELECT {TYPES} UNION ALL SELECT {nulls}")


@pytest.mark.parametrize("codec", CODECS)
def test_files_of_spark(spark, codec):
    df = spark.read.orc(str(DATA / f"spark-{codec}.orc"))
    expected = expected_types(spark)
    assert df.dtypes == expected.dtypes
    assert texts(df) == texts(expected)


def test_runs_of_spark(spark):
    df = spark.read.orc(str(DATA / "spark-runs.orc"))
    expected = spark.range(0, 700, 1, 1).selectExpr(*RUNS)
    assert texts(df) == texts(expected)
    assert df.selectExpr("sum(patched)", "count(st.b)").collect() == expected.selectExpr("sum(patched)", "count(st.b)").collect()
    assert df.count() == 700


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_written_is_read(spark, tmp_path, codec):
    path = str(tmp_path / "o")
    expected_types(spark).write.option("compression", codec).orc(path)
    back = spark.read.format("orc").load(path)
    expected = expected_types(spark)
    assert back.dtypes == expected.dtypes
    assert texts(back) == texts(expected)
    suffix = ".orc" if codec == "none" else f".{codec}.orc"
    written = [f for f in files_under(path) if f.endswith(".orc") and not f.startswith(".")]
    assert written and all(f.endswith(suffix) for f in written)


def test_many_rows(spark, tmp_path):
    path = str(tmp_path / "o")
    expected = spark.range(0, 50000, 1, 3).selectExpr(*RUNS)
    expected.write.orc(path)
    assert texts(spark.read.orc(path).where("id % 97 = 3")) == texts(expected.where("id % 97 = 3"))
    assert spark.read.orc(path).count() == 50000
    total = "sum(hash(id, square, patched, word, small, gaps, xs, ts, d, dec, flag, tiny))"
    assert spark.read.orc(path).selectExpr(total).collect() == expected.selectExpr(total).collect()


def test_instants_before_1970(spark, tmp_path):
    """A fraction of the last second before 1970 comes back as one after it, in Spark as well (ORC-763)."""
    values = ["1969-12-31 23:59:59.5", "1969-12-31 23:59:58.5", "1969-12-31 23:59:59", "0001-01-01 00:00:00.25"]
    spark.sql(f"SELECT explode(array({', '.join(repr(v) for v in values)})) t").selectExpr("CAST(t AS TIMESTAMP) t").write.orc(str(tmp_path / "o"))
    assert [t for (t,) in texts(spark.read.orc(str(tmp_path / "o")))] == sorted(["1970-01-01 00:00:00.5", *values[1:]])


def test_no_rows(spark, tmp_path):
    path = str(tmp_path / "o")
    spark.range(0).selectExpr("id", "array(id) AS xs").write.orc(path)
    df = spark.read.orc(path)
    assert df.collect() == [] and df.columns == ["id", "xs"]


def test_tables(spark, tmp_path):
    name = f"orc_{tmp_path.name}".replace("-", "_")
    spark.sql(f"CREATE TABLE {name} (a INT, c CHAR(4), p STRING) USING orc PARTITIONED BY (p) LOCATION '{tmp_path / 't'}'")
    try:
        spark.sql(f"INSERT INTO {name} VALUES (1, 'x', 'one'), (2, 'y', 'two'), (3, NULL, NULL)")
        spark.sql(f"INSERT INTO {name} PARTITION (p = 'one') VALUES (4, 'z')")
        rows = spark.sql(f"SELECT a, c || '|', p FROM {name} ORDER BY a").collect()
        assert [tuple(r) for r in rows] == [(1, "x   |", "one"), (2, "y   |", "two"), (3, None, None), (4, "z   |", "one")]
        assert spark.sql(f"SELECT count(*) FROM {name} WHERE p = 'one'").first()[0] == 2
        spark.sql(f"ALTER TABLE {name} ADD COLUMN n INT")
        assert spark.sql(f"SELECT n FROM {name} WHERE a = 1").first().n is None
        spark.sql(f"INSERT OVERWRITE {name} PARTITION (p = 'one') VALUES (5, 'q', 6)")
        assert [tuple(r) for r in spark.sql(f"SELECT a, n FROM {name} WHERE p = 'one'").collect()] == [(5, 6)]
    finally:
        spark.sql(f"DROP TABLE {name}")


def test_sql_on_files(spark, tmp_path):
    shutil.copy(DATA / "spark-zstd.orc", tmp_path / "a.orc")
    assert spark.sql(f"SELECT i, str FROM orc.`{tmp_path}` WHERE i = 3").collect() == [(3, "abc")]


def test_schemas_are_merged(spark, tmp_path):
    spark.sql("SELECT 1 a, 3 c").write.orc(str(tmp_path / "k=1"))
    spark.sql("SELECT 2 a, 'z' b").write.orc(str(tmp_path / "k=2"))
    df = spark.read.option("mergeSchema", True).orc(str(tmp_path)).select("a", "b", "c", "k").orderBy("k")
    assert [tuple(r) for r in df.collect()] == [(1, None, 3, 1), (2, "z", None, 2)]


@pytest.mark.parametrize("schema, expected", [
    ("a BIGINT", 1), ("a STRING", "1"), ("b STRING", "x"), ("B INT", None), ("c INT", 2), ("zz INT", None), ("a DOUBLE", 1.0),
    ("n BIGINT", 1577836800000000), ("d DECIMAL(12,4)", "1.2500"), ("d DECIMAL(4,1)", "1.3"), ("st STRUCT<q: BIGINT, z: INT>", (2, None)),
])  # fmt: skip
def test_other_types_are_asked_for(spark, tmp_path, schema, expected):
    row = "1 a, 'x' B, 2L c, CAST(1.25 AS DECIMAL(10,2)) d, named_struct('p', 1, 'q', 2) st, TIMESTAMP_NTZ'2020-01-01 00:00:00' n"
    spark.sql(f"SELECT {row}").write.orc(str(tmp_path / "o"))
    value = spark.read.schema(schema).orc(str(tmp_path / "o")).first()[0]
    assert (str(value) if schema.startswith("d") else value) == expected


@pytest.mark.parametrize("schema", ["a DATE", "a ARRAY<INT>"])
def test_types_that_nothing_becomes(spark, tmp_path, schema):
    spark.sql("SELECT 1 a").write.orc(str(tmp_path / "o"))
    with pytest.raises(PySparkException) as e:
        spark.read.schema(schema).orc(str(tmp_path / "o")).collect()
    assert "FAILED_READ_FILE" in str(e.value)


@pytest.mark.parametrize("query, kind", [
    ("SELECT NULL n", '"VOID"'), ("SELECT parse_json('1') n", '"VARIANT"'), ("SELECT make_interval(1) n", '"INTERVAL"'),
    ("SELECT array(NULL) n", '"ARRAY<VOID>"'),
])  # fmt: skip
def test_types_that_are_not_written(spark, tmp_path, query, kind):
    with pytest.raises(AnalysisException) as e:
        spark.sql(query).write.orc(str(tmp_path / "o"))
    assert e.value.getCondition() == "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"
    assert e.value.getMessageParameters() == {"columnName": "`n`", "columnType": kind, "format": "ORC"}


def test_unknown_codec(spark, tmp_path):
    with pytest.raises(PySparkException) as e:
        spark.range(1).write.option("compression", "foo").orc(str(tmp_path / "o"))
    assert e.value.getCondition() == "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION"


def test_files_without_bytes(spark, tmp_path):
    (tmp_path / "e.orc").write_bytes(b"")
    with pytest.raises(AnalysisException) as e:
        spark.read.orc(str(tmp_path)).schema  # noqa: B018
    assert e.value.getCondition() == "UNABLE_TO_INFER_SCHEMA"
    assert spark.read.schema("a INT").orc(str(tmp_path)).collect() == []


@pytest.mark.parametrize("codec", CODECS)
def test_broken_files(spark, own_server, tmp_path, codec):
    """Cut anywhere, or with any byte turned over, a file is an error or another value: never the end of a server."""
    good = (DATA / f"spark-{codec}.orc").read_bytes()
    pieces = [good[:n] for n in range(1, len(good), 401)]
    turned = [good[:i] + bytes([good[i] ^ 0xFF]) + good[i + 1 :] for i in range(3, len(good), 61)]
    schema = spark.read.orc(str(DATA / f"spark-{codec}.orc")).schema
    path = tmp_path / "f.orc"
    for cut, content in [(True, b"no file of ORC's")] + [(True, p) for p in pieces] + [(False, t) for t in turned]:
        path.write_bytes(content)
        try:
            texts(spark.read.schema(schema).orc(str(path)))
            assert not cut
        except PySparkException as e:
            assert "FAILED_READ_FILE" in str(e)  # noqa: PT017
    path.write_bytes(pieces[-1])
    with pytest.raises(PySparkException) as e:
        spark.read.orc(str(path)).schema  # noqa: B018
    assert e.value.getCondition() == "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER"
    assert own_server.alive
