"""Every kind of function: what it is given, what comes back."""

import datetime
import decimal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from conftest import Failed
from pyspark import cloudpickle
from pyspark.sql.types import Row

LONGS = ("long", [1, 2, None])


@pytest.mark.parametrize("kind", [100, 101])
def test_row_functions(worker, kind):
    assert worker.run(kind, lambda x: None if x is None else x + 1, "long", [LONGS]) == [(2,), (3,), (None,)]
    assert worker.run(kind, lambda a, b: f"{a}{b}", "string", [LONGS, ("string", ["x", None, "z"])]) == [
        ("1x",),
        ("2None",),
        ("Nonez",),
    ]
    named = [[None, 0], ["b", 1]]
    assert worker.run(kind, lambda a, b=5: [a, b], "array<long>", [LONGS, LONGS], args=named)[0] == ([1, 1],)
    assert worker.run(kind, lambda: 7, "int", [LONGS], args=[]) == [(7,)] * 3


@pytest.mark.parametrize("kind", [100, 101])
@pytest.mark.parametrize(
    "ddl, value, seen",
    [
        ("boolean", True, "True"),
        ("double", 1.5, "1.5"),
        ("date", datetime.date(2020, 2, 3), "datetime.date(2020, 2, 3)"),
        ("timestamp_ntz", datetime.datetime(2020, 2, 3, 4), "datetime.datetime(2020, 2, 3, 4, 0)"),
        ("decimal(10,2)", decimal.Decimal("1.50"), "Decimal('1.50')"),
        ("binary", b"ab", "b'ab'"),
        ("interval day to second", datetime.timedelta(1, 2), "datetime.timedelta(days=1, seconds=2)"),
        ("array<int>", [1, None], "[1, None]"),
        ("map<string,int>", [("a", 1)], "{'a': 1}"),
        ("struct<a:int,b:array<struct<c:string>>>", {"a": 1, "b": [{"c": "x"}]}, "Row(a=1, b=[Row(c='x')])"),
    ],
)
def test_values_there_and_back(worker, kind, ddl, value, seen):
    column = (ddl, [None, value, None, value])
    assert worker.run(kind, repr, "string", [column])[:2] == [("None",), (seen,)]
    back = worker.run(kind, lambda v: v, ddl, [column])
    assert back == [(None,), (value,), (None,), (value,)]


def test_a_wrong_type_is_null_when_pickled_and_arrows_business_otherwise(worker):
    assert worker.run(100, lambda x: "abc", "int", [LONGS])[0] == (None,)
    assert worker.run(100, lambda x: 300, "byte", [LONGS])[0] == (44,)
    assert worker.run(100, lambda x: 1, "double", [LONGS])[0] == (None,)
    assert worker.run(100, lambda x: [1, None, "a", 1e20], "string", [LONGS])[0] == ("[1, null, a, 1.0E20]",)
    assert worker.run(101, lambda x: "12", "int", [LONGS])[0] == (12,)
    with pytest.raises(Failed, match="Failed to parse string: 'abc'"):
        worker.run(101, lambda x: "abc", "int", [LONGS])


def test_a_chain_is_one_call(worker):
    double, text = cloudpickle.dumps((lambda x: x * 2, None)), lambda x: f"<{x}>"
    assert worker.run(101, text, "string", [("long", [4])]) == [("<4>",)]
    assert double


def test_pandas_functions(worker):
    out = worker.run(200, lambda a, b: a + b, "double", [LONGS, ("long", [10, 20, 30])])
    assert out == [(11.0,), (22.0,), (None,)]
    struct = ("struct<x:long,y:string>", [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])
    assert worker.run(200, lambda d: d.x.astype(str) + d.y, "string", [struct]) == [("1a",), ("2b",)]
    made = worker.run(200, lambda s: pd.DataFrame({"b": s, "a": s + 1}), "struct<a:long,b:long>", [("long", [1])])
    assert made == [({"a": 2, "b": 1},)]
    times = ("timestamp", [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)])
    conf = {"spark.sql.session.timeZone": "Asia/Tokyo"}
    assert worker.run(200, lambda s: s.dt.hour.astype("long"), "long", [times], conf=conf) == [(9,)]
    assert worker.run(200, lambda s: s, "timestamp", [times], conf=conf) == [(times[1][0],)]
    with pytest.raises(Failed, match="RESULT_ROWS_MISMATCH"):
        worker.run(200, lambda s: s[:1], "long", [LONGS])


def test_iterators(worker):
    def f(it):
        for a, b in it:
            yield a * b

    conf = {"spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
    columns = [("long", [1, 2, 3]), ("long", [4, 5, 6])]
    assert worker.run(204, f, "long", columns, conf=conf) == [(4,), (10,), (18,)]
    assert worker.run(251, lambda it: (pc.multiply(a, b) for a, b in it), "long", columns, conf=conf)[2] == (18,)
    with pytest.raises(Failed, match="INPUT_NOT_FULLY_CONSUMED"):
        worker.run(204, lambda it: iter(()), "long", columns)


def test_arrow_functions(worker):
    assert worker.run(250, lambda a: pc.add(a, 1), "long", [LONGS]) == [(2,), (3,), (None,)]
    assert worker.run(250, lambda a: pc.cast(a, pa.int64()), "int", [LONGS]) == [(1,), (2,), (None,)]


def test_maps(worker):
    columns = [("long", [1, 2, 3], "id"), ("string", ["a", "b", "c"], "s")]
    double = lambda it: (pd.concat([d, d]) for d in it)  # noqa: E731
    assert len(worker.run(205, double, "id long, s string", columns, "id long, s string")) == 6
    swapped = lambda it: (pd.DataFrame({"s": d.s, "id": d.id}) for d in it)  # noqa: E731
    assert worker.run(205, swapped, "id long, s string", columns, "id long, s string")[0] == (1, "a")
    keep = lambda it: (b.filter(pc.greater(b["id"], 1)) for b in it)  # noqa: E731
    assert worker.run(207, keep, "id long, s string", columns, "id long, s string") == [(2, "b"), (3, "c")]
    with pytest.raises(Failed, match="UDF_RETURN_TYPE"):
        worker.run(205, lambda it: (1 for _ in it), "id long", columns, "id long")


GROUPS = [("long", [1, 1, 2, 3, 3, 3], "k"), ("double", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "v")]
ENDS = [2, 3]  # the last group ends with the input


def test_grouped_maps(worker):
    def keyed(key, frame):
        return pd.DataFrame({"k": [key[0]], "n": [len(frame)], "s": [frame.v.sum()]})

    expected = [(1, 2, 3.0), (2, 1, 3.0), (3, 3, 15.0)]
    out, settings = "k long, n long, s double", {"ends": ENDS, "keys": [0]}
    assert worker.run(201, keyed, out, GROUPS, out, **settings) == expected
    plain = lambda d: d.assign(v=d.v * 2)  # noqa: E731
    assert worker.run(201, plain, "k long, v double", GROUPS, "k long, v double", **settings)[5] == (3, 12.0)

    def arrow(key, t):
        return pa.table({"k": [key[0].as_py()], "n": [t.num_rows], "s": [pc.sum(t["v"]).as_py()]})

    assert worker.run(209, arrow, out, GROUPS, out, **settings) == expected
    first = lambda it: (b.slice(0, 1) for b in it)  # noqa: E731
    assert [r[1] for r in worker.run(215, first, "k long, v double", GROUPS, "k long, v double", **settings)] == [1, 3, 4]
    heads = lambda it: (d.head(1) for d in it)  # noqa: E731
    assert [r[1] for r in worker.run(216, heads, "k long, v double", GROUPS, "k long, v double", **settings)] == [1, 3, 4]
    with pytest.raises(Failed, match="RESULT_COLUMN_NAMES_MISMATCH"):
        worker.run(201, plain, "k long, w double", GROUPS, "k long, w double", **settings)


def test_cogrouped_maps(worker):
    right = [("long", [1, 3], "k"), ("string", ["a", "c"], "w")]
    side = (right, [1, 1, 2], {"keys": [0], "values": [0, 1]})

    def f(key, a, b):
        return pd.DataFrame({"k": [key[0]], "n": [len(a)], "m": [len(b)]})

    out = "k long, n long, m long"
    settings = {"ends": [2, 3, 6], "keys": [0], "right": side}
    assert worker.run(206, f, out, GROUPS, out, **settings) == [(1, 2, 1), (2, 1, 0), (3, 3, 1)]

    def g(a, b):
        return pa.table({"k": [a["k"][0].as_py()], "n": [a.num_rows], "m": [b.num_rows]})

    assert worker.run(210, g, out, GROUPS, out, **settings) == [(1, 2, 1), (2, 1, 0), (3, 3, 1)]


def test_aggregates(worker):
    values = {"args": [[None, 1]], "ends": ENDS}
    for kind, f in ((202, lambda s: s.sum()), (252, lambda a: pc.sum(a))):
        assert worker.run(kind, f, "double", GROUPS, **values) == [(3.0,), (3.0,), (15.0,)]
    assert worker.run(217, lambda it: sum(s.sum() for s in it), "double", GROUPS, **values)[2] == (15.0,)
    assert worker.run(254, lambda it: sum(pc.sum(a).as_py() for a in it), "double", GROUPS, **values)[2] == (15.0,)
    assert worker.run(202, lambda s: None if len(s) == 1 else len(s), "int", GROUPS, **values) == [(2,), (None,), (3,)]
    assert worker.run(202, lambda s: list(s), "array<double>", GROUPS, **values)[0] == ([1.0, 2.0],)


def test_windows(worker):
    for kind, f in ((203, lambda s: s.sum()), (253, lambda a: pc.sum(a))):
        whole = worker.run(kind, f, "double", GROUPS, args=[[None, 1]], ends=ENDS)
        assert [r[0] for r in whole] == [3.0, 3.0, 3.0, 15.0, 15.0, 15.0]
        frames = [("int", [0, 0, 0, 0, 0, 1], "b"), ("int", [1, 2, 1, 1, 2, 3], "e")]
        window = {"args": [[None, 1]], "ends": ENDS, "function": {"window": [2, 3]}}
        assert [r[0] for r in worker.run(kind, f, "double", GROUPS + frames, **window)] == [1, 3, 3, 4, 9, 11]


@pytest.mark.parametrize("kind", [300, 301])
def test_table_functions(worker, kind):
    class Repeat:
        def __init__(self):
            self.seen = 0

        def eval(self, n):
            self.seen += 1
            for i in range(n):
                yield i, str(n)

        def terminate(self):
            yield self.seen, "end"

    out = worker.run(kind, cloudpickle.dumps(Repeat), None, [("int", [0, 2, 1])], "a int, b string")
    assert out == [(1, 0, "2"), (1, 1, "2"), (2, 0, "1"), (2, 3, "end")]

    class Partitions:
        def __init__(self):
            self.rows = []

        def eval(self, row: Row):
            self.rows.append(row)

        def terminate(self):
            yield len(self.rows), str(self.rows[0])

    rows = [{"k": k, "v": v} for k, v in ((1, 1), (1, 2), (2, 3))]
    table = {"partition_columns": [0], "table_args": [0]}
    out = worker.run(
        kind, cloudpickle.dumps(Partitions), None, [("struct<k:int,v:int>", rows)], "n int, r string", table=table
    )
    assert [r[1:] for r in out] == [(2, "Row(v=1)"), (1, "Row(v=3)")]

    class Fails:
        def eval(self, n):
            raise ValueError("no")

    with pytest.raises(Failed, match="UDTF_EXEC_ERROR"):
        worker.run(kind, cloudpickle.dumps(Fails), None, [("int", [0])], "a int")


def test_arrow_table_functions(worker):
    class Counts:
        def eval(self, batch):
            yield pa.table({"n": pa.array([batch.num_rows], pa.int32())})

    rows = [{"k": k, "v": v} for k, v in ((1, 1), (1, 2), (2, 3))]
    columns = [("struct<k:int,v:int>", rows)]
    table = {"partition_columns": [], "table_args": [0]}
    assert worker.run(302, cloudpickle.dumps(Counts), None, columns, "n int", table=table) == [(2, 3)]
    table["partition_columns"] = [0]
    out = worker.run(302, cloudpickle.dumps(Counts), None, columns, "n int", table=table)
    assert [r[1] for r in out] == [2, 1]
