"""Errors as PySpark shows them: class, SQLSTATE, parameters, context; at parse, analysis and run time."""

import pytest
from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    ArrayIndexOutOfBoundsException,
    DateTimeException,
    NumberFormatException,
    ParseException,
    SparkRuntimeException,
    UnsupportedOperationException,
)
from pyspark.sql.connect import functions as F


def error(kind, action):
    with pytest.raises(kind) as e:
        action()
    return e.value


def test_parse_error(spark):
    e = error(ParseException, lambda: spark.sql("SELECT 1 FRM t WHERE"))
    assert (e.getCondition(), e.getSqlState()) == ("PARSE_SYNTAX_ERROR", "42601")
    assert e.getMessageParameters()["error"] == "'t'"


def test_unresolved_column_with_context(spark):
    e = error(AnalysisException, lambda: spark.sql("SELECT id,\n  idd FROM range(3)").collect())
    assert (e.getCondition(), e.getSqlState()) == ("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703")
    assert e.getMessageParameters() == {"objectName": "`idd`", "proposal": "`id`"}
    (context,) = e.getQueryContext()
    assert (context.fragment(), context.startIndex(), context.stopIndex()) == ("idd", 13, 15)


def test_table_not_found(spark):
    e = error(AnalysisException, lambda: spark.table("no_such_table").collect())
    assert (e.getCondition(), e.getSqlState()) == ("TABLE_OR_VIEW_NOT_FOUND", "42P01")
    assert e.getMessageParameters()["relationName"] == "`no_such_table`"


def test_mismatched_types(spark):
    e = error(AnalysisException, lambda: spark.sql("SELECT array(1) + 1").collect())
    assert e.getCondition() == "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES" and e.getSqlState() == "42K09"
    assert e.getMessageParameters()["left"] == '"ARRAY<INT>"'


@pytest.mark.parametrize(
    "sql, kind, condition, state",
    [
        ("SELECT 1 / 0", ArithmeticException, "DIVIDE_BY_ZERO", "22012"),
        ("SELECT 2147483647 + 1", ArithmeticException, "ARITHMETIC_OVERFLOW", "22003"),
        ("SELECT CAST('x' AS INT)", NumberFormatException, "CAST_INVALID_INPUT", "22018"),
        ("SELECT array(1)[5]", ArrayIndexOutOfBoundsException, "INVALID_ARRAY_INDEX", "22003"),
        ("SELECT to_date('x', 'yyyy')", DateTimeException, "CANNOT_PARSE_TIMESTAMP", "22007"),
        ("SELECT raise_error('mine')", SparkRuntimeException, "USER_RAISED_EXCEPTION", "P0001"),
    ],
)
def test_run_time_errors(spark, sql, kind, condition, state):
    e = error(kind, lambda: spark.sql(sql).collect())
    assert (e.getCondition(), e.getSqlState()) == (condition, state)
    e = error(kind, lambda: spark.sql(sql.replace("SELECT ", "SELECT id, ") + " FROM range(5)").collect())
    assert (e.getCondition(), e.getSqlState()) == (condition, state)


def test_the_context_of_a_run_time_error(spark):
    e = error(ArithmeticException, lambda: spark.sql("SELECT id, 1 / (id - 2) FROM range(5)").collect())
    (context,) = e.getQueryContext()
    assert context.fragment() == "1 / (id - 2)" and (context.startIndex(), context.stopIndex()) == (11, 22)


def test_a_data_frame_error_names_its_operator(spark):
    e = error(ArithmeticException, lambda: spark.range(3).select(F.lit(1) / F.col("id")).collect())
    (context,) = e.getQueryContext()
    assert e.getCondition() == "DIVIDE_BY_ZERO" and "test_errors.py" in context.callSite()


def test_errors_while_writing(spark, tmp_path):
    e = error(ArithmeticException, lambda: spark.sql("SELECT 1 / 0 AS x").write.parquet(str(tmp_path / "t")))
    assert e.getCondition() == "DIVIDE_BY_ZERO"


def test_what_is_not_supported_says_so(own_server, spark):
    e = error(UnsupportedOperationException, lambda: spark.readStream.format("rate").load().writeStream.format("noop").start())
    assert e.getSqlState() == "0A000" and "stream" in str(e)


def test_the_message_tells_class_and_state(spark):
    e = error(AnalysisException, lambda: spark.sql("SELECT nope").collect())
    assert str(e).startswith("[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION]") and "SQLSTATE: 42703" in str(e)


def test_the_session_goes_on_after_errors(spark):
    for n in range(20):
        error(AnalysisException, lambda: spark.sql(f"SELECT nope_{n}").collect())
    assert spark.range(3).count() == 3


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t ORDER BY EXISTS (SELECT 1 FROM s WHERE y = a), a",
        "SELECT a, count(*) FROM t GROUP BY a ORDER BY max(a) IN (SELECT y FROM s), 1",
        "SELECT * FROM t DISTRIBUTE BY a IN (SELECT y FROM s)",
        "SELECT explode(array(a IN (SELECT y FROM s), true)) FROM t",
        "SELECT * FROM t LATERAL VIEW explode(array(a IN (SELECT y FROM s), true)) AS e",
    ],
)
def test_sub_queries_that_only_conditions_may_have(spark, query):
    with_rows = f"WITH t AS (SELECT * FROM VALUES (1), (2) AS t(a)), s AS (SELECT * FROM VALUES (1) AS s(y)) {query}"
    e = error(AnalysisException, lambda: spark.sql(with_rows).collect())
    # Its parameter is Spark's text of the plan, which is not ours.
    assert e.getCondition() == "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_IN_EXISTS_SUBQUERY"
    assert e.getSqlState() == "0A000"
