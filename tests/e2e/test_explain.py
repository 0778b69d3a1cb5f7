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
