"""Python table functions: inline and registered, with TABLE arguments, `analyze`, and LATERAL."""

import sys
import pytest
from pyspark import cloudpickle
from pyspark.errors import AnalysisException, PythonException
from pyspark.sql import Row
from pyspark.sql.connect.functions import col, lit, udtf
from pyspark.sql.types import IntegerType, StringType, StructType
from pyspark.sql.udtf import AnalyzeArgument, AnalyzeResult, OrderingColumn, PartitioningColumn, SelectedColumn

# What the module defines travels with the queries.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Split:
    def __init__(self):
        self.count = 0

    def eval(self, text: str, k: int = 1):
        self.count += 1
        for word in text.split():
            yield word, k

    def terminate(self):
        yield "total", self.count


class Sum:
    def __init__(self):
        self.key, self.sum = None, 0

    def eval(self, row: Row):
        self.key = row["a"]
        self.sum += row["b"]

    def terminate(self):
        yield self.key, self.sum


class Analyzed:
    def __init__(self, *args):
        self.key, self.sum = None, 0

    @staticmethod
    def analyze(table: AnalyzeArgument) -> AnalyzeResult:
        return AnalyzeResult(
            StructType().add("k", IntegerType()).add("s", IntegerType()),
            partitionBy=[PartitioningColumn("a")],
            orderBy=[OrderingColumn("b")],
            select=[SelectedColumn("a"), SelectedColumn("b + 1", alias="c")],
        )

    def eval(self, row):
        self.key = row["a"]
        self.sum += row["c"]

    def terminate(self):
        yield self.key, self.sum


class Typed:
    @staticmethod
    def analyze(a: AnalyzeArgument) -> AnalyzeResult:
        return AnalyzeResult(StructType().add("x", a.dataType).add("constant", StringType()))

    def eval(self, a):
        yield a, str(a)


def rows(df):
    return [tuple(r) for r in df.collect()]


@pytest.fixture
def functions(spark):
    spark.udtf.register("split1", udtf(Split, returnType="word: string, n: int"))
    spark.udtf.register("sum1", udtf(Sum, returnType="a: int, s: int"))
    spark.udtf.register("analyzed", udtf(Analyzed))
    spark.udtf.register("typed", udtf(Typed))
    spark.createDataFrame([(1, 2), (1, 3), (2, 4), (2, 5), (3, 1)], "a int, b int").createOrReplaceTempView("t")
    return spark


@pytest.mark.parametrize("use_arrow", [False, True])
def test_inline(spark, use_arrow):
    split = udtf(Split, returnType="word: string, n: int", useArrow=use_arrow)
    out = split(lit("a b"))
    assert out.columns == ["word", "n"]
    assert rows(out) == [("a", 1), ("b", 1), ("total", 1)]
    assert rows(split(text=lit("c"), k=lit(5))) == [("c", 5), ("total", 1)]


@pytest.mark.parametrize(
    "query, expected",
    [
        ("SELECT * FROM split1('x y')", [("x", 1), ("y", 1), ("total", 1)]),
        ("SELECT q.a, b FROM split1('x', k => 3) q(a, b)", [("x", 3), ("total", 1)]),
        (
            "SELECT * FROM VALUES (1, 'a b'), (2, 'c'), (2, 'c'), (3, '') t(id, x), LATERAL split1(x)",
            [(1, "a b", "a", 1), (1, "a b", "b", 1), (2, "c", "c", 1), (2, "c", "c", 1), (3, "", "total", 4)],
        ),
        (
            "SELECT id, word FROM VALUES (1, 'a b'), (2, 'c') t(id, x), LATERAL split1(x, id) WHERE n > 1",
            [(2, "c"), (2, "total")],
        ),
        ("SELECT * FROM sum1(TABLE(t) PARTITION BY a ORDER BY b DESC) ORDER BY a", [(1, 5), (2, 9), (3, 1)]),
        ("SELECT s FROM sum1(TABLE(t) PARTITION BY a % 2 ORDER BY b) ORDER BY s", [(6,), (9,)]),
        ("SELECT * FROM sum1(TABLE(t) WITH SINGLE PARTITION ORDER BY b DESC)", [(3, 15)]),
        ("SELECT * FROM sum1(TABLE(SELECT * FROM t WHERE a > 10) PARTITION BY a)", []),
        ("SELECT * FROM analyzed(TABLE(t)) ORDER BY k", [(1, 7), (2, 11), (3, 2)]),
        ("SELECT * FROM typed(3)", [(3, "3")]),
    ],
)
def test_sql(functions, query, expected):
    assert rows(functions.sql(query)) == expected


def test_dataframes(functions):
    table = functions.table("t").asTable()
    total = udtf(Sum, returnType="a: int, s: int")
    assert sorted(rows(total(table.partitionBy("a").orderBy("b")))) == [(1, 5), (2, 9), (3, 1)]
    split = udtf(Split, returnType="word: string, n: int")
    left = functions.createDataFrame([(1, "a b"), (2, "c")], "id int, x string")
    out = left.lateralJoin(split(col("x").outer()))
    assert rows(out) == [(1, "a b", "a", 1), (1, "a b", "b", 1), (2, "c", "c", 1), (2, "c", "total", 2)]


@pytest.mark.parametrize(
    "query, condition",
    [
        ("SELECT * FROM split1('x') q(a)", "NUM_TABLE_VALUE_ALIASES_MISMATCH"),
        ("SELECT * FROM sum1(TABLE(t), TABLE(t))", "TABLE_VALUED_FUNCTION_TOO_MANY_TABLE_ARGUMENTS"),
        (
            "SELECT * FROM analyzed(TABLE(t) PARTITION BY a)",
            "TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL",
        ),
        ("SELECT * FROM typed(1, 2)", "TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON"),
        ("SELECT * FROM nothing_of_the_kind(1)", "UNRESOLVABLE_TABLE_VALUED_FUNCTION"),
        ("SELECT split1('a')", "NOT_A_SCALAR_FUNCTION"),
    ],
)
def test_wrong_calls(functions, query, condition):
    with pytest.raises(AnalysisException) as e:
        functions.sql(query).collect()
    assert e.value.getCondition() == condition


def test_errors_of_the_user(spark):
    class Broken:
        def eval(self, x):
            raise ValueError("boom")

    with pytest.raises(PythonException, match="boom"):
        udtf(Broken, returnType="a: int")(lit(1)).collect()
