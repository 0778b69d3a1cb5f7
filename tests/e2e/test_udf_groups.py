"""Python functions over partitions, groups, pairs of groups and windows."""

import sys
import pandas as pd
import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.errors import AnalysisException
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.functions import col, pandas_udf
from pyspark.sql.connect.window import Window
from pyspark.sql.types import DoubleType

# What the module defines travels with the queries.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def df(spark):
    rows = [(1, 2.0, "x"), (2, 3.0, "y"), (1, 5.0, "z"), (2, 4.0, None), (None, 1.0, "w")]
    return spark.createDataFrame(rows, "id int, v double, s string")


@pandas_udf(DoubleType())
def mean(v: pd.Series) -> float:
    return v.mean()


def rows(df):
    return [tuple(r) for r in df.collect()]


def test_map_in_pandas_and_arrow(df):
    assert rows(df.mapInPandas(lambda it: (p[p.v > 2] for p in it), df.schema).select("v")) == [(3.0,), (5.0,), (4.0,)]
    assert rows(df.mapInArrow(lambda it: it, df.schema)) == rows(df)
    assert rows(df.mapInPandas(lambda it: it, df.schema, barrier=True)) == rows(df)


def test_map_keeps_the_order_and_a_limit_stops_it(spark, df):
    sorted_rows = df.orderBy(F.desc("v")).mapInPandas(lambda it: it, df.schema)
    assert [r.v for r in sorted_rows.collect()] == [5.0, 4.0, 3.0, 2.0, 1.0]

    def endless(it):
        for batch in it:
            while True:
                yield batch

    assert len(spark.range(10).mapInArrow(endless, "id long").limit(100).collect()) == 100


def test_apply_in_pandas(df):
    out = df.groupBy("id").applyInPandas(lambda p: p.assign(v=p.v - p.v.mean()), df.schema)
    assert sorted(rows(out), key=str) == sorted(
        [(1, -1.5, "x"), (1, 1.5, "z"), (2, -0.5, "y"), (2, 0.5, None), (None, 0.0, "w")], key=str
    )
    keyed = df.groupBy("id").applyInPandas(lambda k, p: pd.DataFrame([(k[0], len(p))]), "id int, n long")
    assert sorted(rows(keyed.where("id is not null"))) == [(1, 2), (2, 2)]
    computed = df.groupBy(F.ceil(df.v / 2)).applyInPandas(lambda k, p: pd.DataFrame([(k[0], len(p))]), "k long, n long")
    assert sorted(rows(computed)) == [(1, 2), (2, 2), (3, 1)]
    whole = df.groupBy().applyInPandas(lambda p: pd.DataFrame([(len(p),)]), "n long")
    assert rows(whole) == [(5,)]


def test_rows_of_a_group_keep_their_order(spark):
    df = spark.range(50_000, numPartitions=1).select((col("id") % 3).alias("k"), "id")
    out = df.groupBy("k").applyInPandas(
        lambda p: pd.DataFrame([(int(p.k[0]), bool(p.id.is_monotonic_increasing), len(p))]), "k long, up boolean, n long"
    )
    assert sorted(rows(out)) == [(0, True, 16667), (1, True, 16667), (2, True, 16666)]


def test_apply_in_arrow(df):
    out = df.groupBy("id").applyInArrow(lambda t: pa.Table.from_pydict({"n": [t.num_rows]}), "n long")
    assert sorted(rows(out)) == [(1,), (2,), (2,)]


def test_cogroups(spark, df):
    other = spark.createDataFrame([(1, "a"), (3, "c"), (1, "b")], "id int, t string")
    pairs = df.groupBy("id").cogroup(other.groupBy("id"))
    out = pairs.applyInPandas(lambda k, l, r: pd.DataFrame([(k[0], len(l), len(r))]), "k int, l long, r long")
    assert sorted(rows(out), key=str) == sorted([(None, 1, 0), (1, 2, 2), (2, 2, 0), (3, 0, 1)], key=str)
    arrow = pairs.applyInArrow(
        lambda l, r: pa.Table.from_pydict({"l": [l.num_rows], "r": [r.num_rows]}), "l long, r long"
    )
    assert sorted(rows(arrow)) == [(0, 1), (1, 0), (2, 0), (2, 2)]


def test_aggregates(df):
    out = df.groupBy("id").agg(mean("v"), mean(df.v + 1).alias("z"), (mean("v") * 2).alias("d")).orderBy("id")
    assert out.columns == ["id", "mean(v)", "z", "d"]
    assert rows(out) == [(None, 1.0, 2.0, 2.0), (1, 3.5, 4.5, 7.0), (2, 3.5, 4.5, 7.0)]
    assert rows(df.agg(mean("v"))) == [(3.0,)]
    assert rows(df.limit(0).agg(mean("v"))) == []
    assert rows(df.where("id = 1").rollup("id").agg(mean("v").alias("m")).orderBy("id")) == [(None, 3.5), (1, 3.5)]
    with pytest.raises(AnalysisException) as e:
        df.groupBy("id").agg(mean("v"), F.sum("v")).collect()
    assert e.value.getCondition() == "INVALID_PANDAS_UDF_PLACEMENT"
    assert e.value.getMessageParameters() == {"functionList": "`mean`"}


def test_aggregates_of_arrow(df):
    from pyspark.sql.connect.functions import arrow_udf

    @arrow_udf("double")
    def total(v: pa.Array) -> float:
        return pa.compute.sum(v).as_py()

    assert sorted(rows(df.where("id is not null").groupBy("id").agg(total("v")))) == [(1, 7.0), (2, 7.0)]


def test_aggregates_in_sql(spark):
    spark.udf.register("mean1", mean)
    table = "VALUES (1, 2.0D), (1, 4.0D), (2, 1.0D) t(id, v)"
    assert rows(spark.sql(f"SELECT id, mean1(v) FROM {table} GROUP BY id HAVING mean1(v) > 2")) == [(1, 3.0)]
    out = spark.sql(f"SELECT v, mean1(v) OVER (PARTITION BY id) FROM {table} ORDER BY v")
    assert rows(out) == [(1.0, 1.0), (2.0, 3.0), (4.0, 3.0)]
    for call in ("mean1(DISTINCT v)", "mean1(v) FILTER (WHERE id > 1)"):
        with pytest.raises(Exception) as e:
            spark.sql(f"SELECT {call} FROM {table}").collect()
        assert e.value.getCondition() == "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX"


def test_windows(spark):
    df = spark.createDataFrame([(1, 1, 1.0), (1, 2, 2.0), (1, 2, 3.0), (2, 5, 8.0)], "k int, o int, v double")
    w = Window.partitionBy("k")
    ordered = w.orderBy("o")
    out = df.select(
        "v",
        mean("v").over(w).alias("all"),
        mean("v").over(ordered).alias("peers"),
        mean("v").over(ordered.rowsBetween(-1, 0)).alias("rows"),
        mean("v").over(ordered.rangeBetween(-1, 0)).alias("range"),
        F.sum("v").over(w).alias("native"),
    ).orderBy("v")
    assert rows(out) == [
        (1.0, 2.0, 1.0, 1.0, 1.0, 6.0),
        (2.0, 2.0, 2.0, 1.5, 2.0, 6.0),
        (3.0, 2.0, 2.0, 2.5, 2.0, 6.0),
        (8.0, 8.0, 8.0, 8.0, 8.0, 8.0),
    ]


def test_foreach(df):
    df.foreach(lambda row: None)
    df.foreachPartition(lambda it: None if list(it) else None)
    with pytest.raises(Exception, match="stop here"):
        df.foreach(_raise)


def _raise(row):
    raise ValueError("stop here")
