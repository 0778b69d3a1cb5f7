"""`explain` names operators as Spark does, so that what reads plans finds them."""

import pytest
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.window import Window
from pyspark.sql.types import LongType


@pytest.fixture
def left(spark):
    return spark.createDataFrame([(1, "a"), (2, "b")], "id LONG, v STRING")


def operators(df, mode="simple"):
    plan = df._explain_string(mode=mode)
    return [line.lstrip(" :+-").split()[0].split("(")[0] for line in plan.splitlines() if line.strip(" =")]


@pytest.mark.parametrize(
    "name, query",
    [
        ("LocalTableScan", lambda df: df),
        ("HashAggregate", lambda df: df.groupBy("v").count()),
        ("Filter", lambda df: df.where("id > 1")),
        ("Sort", lambda df: df.orderBy("id")),
        ("Window", lambda df: df.select(F.sum("id").over(Window.partitionBy("v")))),
        ("BroadcastHashJoin", lambda df: df.join(df.withColumnRenamed("v", "w"), "id")),
        ("BroadcastNestedLoopJoin", lambda df: df.crossJoin(df.select("id"))),
        ("Coalesce", lambda df: df.coalesce(1)),
        ("Exchange", lambda df: df.repartition(3)),
        ("BatchEvalPython", lambda df: df.select(F.udf(lambda x: x, LongType(), useArrow=False)("id"))),
        ("ArrowEvalPython", lambda df: df.select(F.udf(lambda x: x, LongType(), useArrow=True)("id"))),
        ("MapInPandas", lambda df: df.mapInPandas(lambda it: it, "id LONG, v STRING")),
        ("MapInArrow", lambda df: df.mapInArrow(lambda it: it, "id LONG, v STRING")),
        ("FlatMapGroupsInPandas", lambda df: df.groupBy("v").applyInPandas(lambda p: p, "id LONG, v STRING")),
        ("FlatMapGroupsInArrow", lambda df: df.groupBy("v").applyInArrow(lambda t: t, "id LONG, v STRING")),
    ],
)
def test_operators(left, name, query):
    assert name in operators(query(left))


def test_kept_rows(left):
    left.cache()
    assert operators(left)[1] == "InMemoryTableScan"
    left.unpersist()
    assert "InMemoryTableScan" not in operators(left)


def test_sizes(left):
    assert "Statistics(sizeInBytes=" in left._explain_string(mode="cost")


@pytest.fixture
def tables(spark, tmp_path):
    """Two tables of files, of which the first would be held in a join of both."""
    for name, rows in ("few", 1000), ("many", 50000):
        spark.range(rows).selectExpr("id", f"id * 2 AS of_{name}").write.parquet(str(tmp_path / name))
        spark.read.parquet(str(tmp_path / name)).createOrReplaceTempView(name)
    return spark.table("few"), spark.table("many")


def held(df):
    """The kind of the join, and the first column of the side that it holds (of a merge join, of its left side)."""
    lines = df._explain_string(mode="simple").splitlines()
    at = next(i for i, line in enumerate(lines) if "Join" in line)
    key = lines[at].split("[")[1].split("@")[0].lstrip("(")
    return lines[at].strip(" :+-").split()[0], key == "#1"


@pytest.mark.parametrize(
    "hints, kind, join, first",
    [
        ("", "JOIN", "BroadcastHashJoin", True),
        ("/*+ BROADCAST(many) */", "JOIN", "BroadcastHashJoin", False),
        ("/*+ MAPJOIN(few) */", "JOIN", "BroadcastHashJoin", True),
        ("/*+ MERGE(many) */", "JOIN", "SortMergeJoin", True),
        ("/*+ SHUFFLE_HASH(many) */", "JOIN", "ShuffledHashJoin", False),
        ("/*+ MERGE(few), BROADCAST(many) */", "JOIN", "BroadcastHashJoin", False),
        ("/*+ BROADCAST(many) */", "LEFT JOIN", "BroadcastHashJoin", False),
        ("/*+ SHUFFLE_HASH(few) */", "LEFT JOIN", "ShuffledHashJoin", True),
        ("/*+ BROADCAST(many) */", "LEFT SEMI JOIN", "BroadcastHashJoin", False),
        ("/*+ BROADCAST(elsewhere) */", "JOIN", "BroadcastHashJoin", True),
    ],
)
def test_hints_choose_joins(spark, tables, hints, kind, join, first):
    df = spark.sql(f"SELECT {hints} few.id, of_few FROM few {kind} many ON few.id = many.id WHERE few.id > 0")
    assert held(df) == (join, first)
    assert df.count() == 999


def test_hints_of_dataframes_choose_joins(tables):
    few, many = tables
    assert held(few.join(many.hint("merge"), "id"))[0] == "SortMergeJoin"
    assert held(few.join(F.broadcast(many), "id")) == ("BroadcastHashJoin", False)
    assert held(few.join(many.hint("shuffle_hash").where("of_many > 3"), "id")) == ("ShuffledHashJoin", False)
    assert few.join(many.hint("merge"), "id").count() == 1000
