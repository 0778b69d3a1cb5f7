"""Scalar Python functions: in every place of a query, chained, registered, named; errors as Spark has them."""

import sys
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.errors import AnalysisException, PythonException
from pyspark.sql import Row
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.functions import arrow_udf, col, lit, pandas_udf, udf
from pyspark.sql.types import IntegerType

# What the module defines travels with the queries.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def df(spark):
    return spark.createDataFrame([(1, 2.0), (2, 3.0), (1, 5.0), (None, 7.0)], "id int, v double")


@udf(IntegerType())
def plus(a):
    return None if a is None else a + 1


@udf(IntegerType())
def add(a, b=10):
    return None if a is None else a + b


def rows(df):
    return [tuple(r) for r in df.collect()]


def test_names_types_and_order(df):
    out = df.select(plus("id"), plus(plus("id")), add("id", lit(2)), add(a="id", b=lit(3)), "v")
    assert out.columns == ["plus(id)", "plus(plus(id))", "add(id, 2)", "add(a => id, b => 3)", "v"]
    assert all(f.nullable for f in out.schema)
    assert rows(out) == [(2, 3, 3, 4, 2.0), (3, 4, 4, 5, 3.0), (2, 3, 3, 4, 5.0), (None, None, None, None, 7.0)]


def test_no_arguments_and_constants(df):
    assert rows(df.select(udf(lambda: "x", "string")(), plus(lit(1)))) == [("x", 2)] * 4


@pytest.mark.parametrize("use_arrow", [False, True])
def test_kinds_of_rows(df, use_arrow):
    f = udf(lambda x: [x, None], "array<int>", useArrow=use_arrow)
    assert rows(df.select(f("id")).limit(2)) == [([1, None],), ([2, None],)]


def test_kinds_of_batches(df):
    @pandas_udf("double")
    def a(v: pd.Series) -> pd.Series:
        return v + 1

    assert rows(df.select(a("v"))) == [(3.0,), (4.0,), (6.0,), (8.0,)]

    @arrow_udf("double")
    def b(v: pa.Array) -> pa.Array:
        return pa.compute.multiply(v, 2.0)

    assert rows(df.select(b("v"))) == [(4.0,), (6.0,), (10.0,), (14.0,)]

    @pandas_udf("double")
    def c(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for v in batches:
            yield v - 1

    assert rows(df.select(c("v"), c(col("v") + 1))) == [(1.0, 2.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0)]


def test_filter_and_what_stands_beside_it(df):
    assert rows(df.filter((plus("id") == 2) & (col("v") > 2))) == [(1, 5.0)]


def test_group_by_sort_and_having(df):
    out = df.groupBy(plus("id")).agg(F.sum("v").alias("s")).orderBy("s")
    assert out.columns == ["plus(id)", "s"]
    assert rows(out) == [(3, 3.0), (2, 7.0), (None, 7.0)] or rows(out) == [(3, 3.0), (None, 7.0), (2, 7.0)]
    assert [r.id for r in df.orderBy(plus("id").desc(), "v").collect()] == [2, 1, 1, None]


def test_around_and_inside_of_aggregates(df):
    out = df.groupBy("id").agg(plus(F.count("v").cast("int")).alias("n"), F.sum(plus("id")).alias("s")).orderBy("id")
    assert rows(out) == [(None, 2, None), (1, 3, 4), (2, 2, 3)]


def test_nested_in_expressions(df):
    out = df.select(plus(plus("id") + plus(lit(1))).alias("x"), F.when(col("v") > 2, plus("id")).alias("y"))
    assert rows(out) == [(5, None), (6, 3), (5, 2), (None, None)]


def test_join_conditions(spark, df):
    other = spark.createDataFrame([(2, "a"), (3, "b")], "k int, w string")
    assert sorted(rows(df.join(other, plus("id") == other.k).select("v", "w"))) == [(2.0, "a"), (3.0, "b"), (5.0, "a")]
    assert df.join(other, plus("id") == other.k, "left").count() == 4
    assert sorted(rows(df.join(other, add("id", "k") == 3).select("id", "k"))) == [(1, 2), (1, 2)]
    with pytest.raises(AnalysisException) as e:
        df.join(other, add("id", "k") == 3, "left").collect()
    assert e.value.getCondition() == "UNSUPPORTED_FEATURE.PYTHON_UDF_IN_ON_CLAUSE"
    assert e.value.getMessageParameters() == {"joinType": "LEFT OUTER"}


def test_windows_over_results(df):
    from pyspark.sql.connect.window import Window

    w = Window.partitionBy(plus("id")).orderBy("v")
    out = df.select("v", F.row_number().over(w).alias("n")).orderBy("v")
    assert rows(out) == [(2.0, 1), (3.0, 1), (5.0, 2), (7.0, 1)]


def test_generators_unions_and_limits(spark, df):
    f = udf(lambda x: [x, x], "array<double>")
    assert df.select(F.explode(f("v"))).count() == 8
    assert df.select(plus("id")).union(df.select(plus("id"))).count() == 8
    assert rows(spark.range(100_000).select(plus(col("id").cast("int")).alias("x")).limit(2)) == [(1,), (2,)]


def test_non_deterministic_calls_are_not_shared(spark):
    import random

    r = udf(lambda: random.random(), "double").asNondeterministic()
    one = spark.range(1).select(r().alias("a"), r().alias("b")).first()
    assert one.a != one.b
    same = spark.range(1).select(r().alias("a")).select(col("a").alias("x"), col("a").alias("y")).first()
    assert same.x == same.y


def test_registered(spark):
    spark.udf.register("plus1", plus)
    spark.udf.register("add1", add)
    out = spark.sql("SELECT plus1(id), PLUS1(id) AS x, add1(b => id, a => 5), add1(id) FROM VALUES (1), (2) t(id)")
    assert out.columns == ["plus1(id)", "x", "add1(b => id, a => 5)", "add1(id)"]
    assert rows(out) == [(2, 2, 6, 11), (3, 3, 7, 12)]
    assert rows(spark.sql("SELECT system.session.plus1(1)")) == [(2,)]
    assert spark.catalog.functionExists("plus1")
    spark.sql("DROP TEMPORARY FUNCTION plus1")
    with pytest.raises(AnalysisException) as e:
        spark.sql("SELECT plus1(1)").collect()
    assert e.value.getCondition() == "UNRESOLVED_ROUTINE"


@pytest.mark.parametrize(
    "call, condition",
    [
        ("f(a => 1, a => 2)", "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE"),
        ("f(a => 1, 2)", "UNEXPECTED_POSITIONAL_ARGUMENT"),
        ("f(DISTINCT 1)", "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX"),
        ("f(1) OVER (ORDER BY 1)", "UNSUPPORTED_EXPR_FOR_WINDOW"),
        ("transform(array(1), x -> f(x))", "UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_WITH_PYTHON_UDF"),
    ],
)
def test_wrong_calls(spark, call, condition):
    spark.udf.register("f", add)
    with pytest.raises(Exception) as e:
        spark.sql(f"SELECT {call}").collect()
    assert e.value.getCondition() == condition


def test_views_keep_their_functions(spark, df):
    df.select(plus("id").alias("p")).createOrReplaceTempView("v")
    assert [r.p for r in spark.sql("SELECT p FROM v WHERE p IS NOT NULL ORDER BY p").collect()] == [2, 2, 3]


def test_types_in_and_out(spark):
    import datetime
    import decimal

    values = (
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, 3, 4, 5, 678901),
        decimal.Decimal("1.50"),
        b"ab",
        {"k": 1},
        [Row(x=1, y=None)],
        datetime.timedelta(days=1, microseconds=1),
    )
    ddl = "d date, t timestamp, n decimal(10,2), b binary, m map<string,int>, r array<struct<x:int,y:string>>, i interval day to second"
    df = spark.createDataFrame([values], ddl)
    same = [udf(lambda x: x, f.dataType)(f.name).alias(f.name) for f in df.schema]
    assert df.select(*same).collect() == df.collect()


def test_vectors(spark):
    from pyspark.ml.linalg import Vectors, VectorUDT

    out = spark.range(2).select(udf(lambda i: Vectors.dense([i, 1.0]), VectorUDT())("id").alias("v"))
    assert out.select(udf(lambda v: float(v.sum()), "double")("v").alias("s")).collect() == [Row(s=1.0), Row(s=2.0)]


def test_errors_have_the_users_line(df):
    def broken(x):
        return 1 / 0

    with pytest.raises(PythonException) as e:
        df.select(udf(broken, "int")("id")).collect()
    assert "ZeroDivisionError: division by zero" in str(e.value)
    assert "in broken" in str(e.value)
