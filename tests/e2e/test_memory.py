"""Queries larger than their memory: they spill, finish with the right answer, and clear away."""

import sys

import pandas as pd
import pytest
from pyspark import cloudpickle

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.timeout(200)
ROWS = 1_000_000  # some 8 times the pool below, as rows of a sort; crates/engine/tests/memory.rs has more shapes

QUERIES = {
    "sort": ("SELECT count(*), sum(n) FROM (SELECT k, row_number() OVER (ORDER BY k, id) AS n FROM big)", lambda n: (n, n * (n + 1) // 2)),
    "aggregate": ("SELECT count(*), sum(c) FROM (SELECT k, count(*) AS c FROM big GROUP BY k)", lambda n: (n, n)),
    "distinct": ("SELECT count(*) FROM (SELECT DISTINCT k FROM big)", lambda n: (n,)),
    "join": ("SELECT count(*) FROM big a JOIN big b ON a.k = b.k", lambda n: (n,)),
}


@pytest.fixture
def small(new_server, tmp_path):
    return new_server("--memory", "16m", "--threads", "2", env={"TMPDIR": str(tmp_path)})


@pytest.mark.parametrize("name", QUERIES)
def test_larger_than_memory(small, tmp_path, name):
    spark = small.session()
    spark.range(0, ROWS, 1, 4).selectExpr("id", "concat('key-', hex(id * 2654435761 % 4294967296), '-', id) AS k").createOrReplaceTempView("big")
    text, expected = QUERIES[name]
    assert tuple(spark.sql(text).first()) == expected(ROWS)
    spark.stop()
    left = [p for p in tmp_path.glob("vonk-spill-*/**/*") if p.is_file()]
    assert left == [], "spilled files were left"


def test_a_large_result_is_not_held_in_the_server(new_server):
    """The client reads a few rows and stops: what it did not ask for was not piled up."""
    server = new_server("--memory", "1g")
    spark = server.session()
    spark.range(10).count()
    before = server.rss_mib()
    rows = spark.range(0, 50_000_000, 1, 2).selectExpr("id", "repeat('x', 100) AS s").toLocalIterator()
    for _ in range(10):
        next(rows)
    assert server.rss_mib("VmHWM") - before < 700
    rows.close()
    spark.interruptAll()
    spark.stop()


@pytest.mark.parametrize("rows", [10_000, ROWS])
def test_groups_for_python_keep_their_order_in_any_memory(small, rows):
    """The larger input does not fit into the pool: it is sorted on disk instead of being clustered."""
    spark = small.session()

    def ordered(key, frame):
        return pd.DataFrame([(key[0], len(frame), bool(frame.id.is_monotonic_increasing))], columns=["k", "n", "ordered"])

    data = spark.range(0, rows, 1, 1).selectExpr("id % 7 AS k", "id", "repeat('x', 20) AS s")
    found = data.groupBy("k").applyInPandas(ordered, "k long, n long, ordered boolean").orderBy("k").collect()
    assert [tuple(r) for r in found] == [(k, len(range(k, rows, 7)), True) for k in range(7)]
    spark.stop()
