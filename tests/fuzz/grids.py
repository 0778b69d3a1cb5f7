"""Queries typed by rule, for programs.py: each form of one kind over each form of another.

    grids.py order|rules|pipes [SEED [COUNT]]

`order`: what picks rows by their place (limits, row ids, samples, sorted lists) below what sorts, groups, joins and
filters. `rules`: shapes that the optimizer has rules of their own for (greatest groups, ranks, counts of files).
`pipes`: chains of `|>` operators. Grids find more than random expressions do: a rule that is wrong is wrong for a
place, not for a value.
"""

import random
import sys

TABLES = [
    "CREATE TABLE p USING parquet AS SELECT id, 100 - id AS b, id % 3 AS k FROM range(0, 20, 1, 1)",
    "CREATE TABLE j USING json AS SELECT id, 100 - id AS b, id % 3 AS k FROM range(0, 20, 1, 1)",
]
PICKS = [
    "SELECT * FROM p LIMIT 5", "SELECT * FROM p WHERE k <> 1 LIMIT 5", "SELECT * FROM p OFFSET 14",
    "SELECT * FROM p WHERE k < 2 LIMIT 4 OFFSET 3", "SELECT *, monotonically_increasing_id() AS m FROM p",
    "SELECT *, monotonically_increasing_id() AS m FROM p WHERE k <> 1", "SELECT * FROM p ORDER BY b LIMIT 6",
    "SELECT *, row_number() OVER (ORDER BY id) AS m FROM p", "SELECT *, rand(7) AS m FROM p",
    "SELECT k, first(id) AS id, last(b) AS b, collect_list(id) AS m FROM p GROUP BY k",
    "SELECT * FROM p TABLESAMPLE (50 PERCENT) REPEATABLE (3)",
    "SELECT id, b, k FROM p WHERE k = 0 UNION ALL SELECT id + 100, b, k FROM p LIMIT 9",
]
ABOVE = [
    "SELECT * FROM ({}) ORDER BY b, id", "SELECT * FROM ({}) ORDER BY b DESC, id LIMIT 3",
    "SELECT * FROM ({}) WHERE id > 4 ORDER BY k, b, id", "SELECT k, count(*), sum(id), max(b) FROM ({}) GROUP BY k ORDER BY k",
    "SELECT x.id, y.v FROM ({}) x JOIN (SELECT id, b AS v FROM j WHERE b > 90) y ON x.id = y.id ORDER BY x.id",
    "SELECT y.id, x.b FROM j y LEFT JOIN ({}) x ON x.id = y.id ORDER BY y.id, x.b",
    "SELECT id, b FROM j WHERE id NOT IN (SELECT id FROM ({})) ORDER BY id",
    "SELECT id, sum(b) OVER (PARTITION BY k ORDER BY b, id) AS w FROM ({}) ORDER BY id, w",
    "SELECT id, rank() OVER (ORDER BY b DESC) AS w FROM ({}) ORDER BY w, id", "SELECT DISTINCT k FROM ({}) ORDER BY k",
    "SELECT id, b FROM ({}) UNION ALL SELECT 1, 2 ORDER BY b, id", "SELECT max(id), min(b), count(DISTINCT k) FROM ({})",
    "SELECT * FROM (SELECT *, monotonically_increasing_id() AS q FROM ({})) ORDER BY b DESC, id",
    "SELECT * FROM (SELECT k, id FROM ({})) PIVOT (sum(id) FOR k IN (0, 1, 2))",
]
SPREAD = [
    "CREATE TABLE p USING parquet AS SELECT /*+ REPARTITION(3) */ id, id % 4 AS k, CASE WHEN id % 5 = 0 THEN NULL WHEN id = 7 "
    "THEN double('NaN') ELSE id / 3 END AS f, CASE WHEN id % 3 = 1 THEN NULL ELSE concat('s', id % 7) END AS s FROM range(0, 23, 1, 1)",
    "CREATE TABLE q USING parquet AS SELECT id + 100 AS id, nullif(id % 3, 2) AS k, -id / 2 AS f, CAST(NULL AS STRING) AS s FROM range(0, 6, 1, 1)",
]
SOURCES = ["p", "(SELECT * FROM p UNION ALL SELECT * FROM q)", "(SELECT * FROM p WHERE f IS NOT NULL)", "(SELECT * FROM p ORDER BY id LIMIT 11)", "(SELECT DISTINCT * FROM p)"]
PIPE = (
    "WITH t AS (SELECT * FROM VALUES (1, 'a', 1.5D), (2, 'b', 2.5D), (2, 'b', NULL), (NULL, 'c', 3.5D) AS t(a, b, c)), "
    "u AS (SELECT * FROM VALUES (1, 'p'), (2, 'q'), (7, 'z') AS u(a, e)) "
)
OPERATORS = """WHERE a > 1; WHERE t.a = 2; SELECT a, b; SELECT *, a * 2 AS x; SELECT a AS b, b AS a; SELECT * EXCEPT (a)
EXTEND a + 1 AS x; EXTEND upper(b) AS b; EXTEND sum(a) OVER (PARTITION BY b) AS w; EXTEND sum(a); SET a = a + 1; SET a = c, c = a; SET nope = 1
DROP a; DROP t.a; DROP a, a; DROP nope; AS v; AS t; AGGREGATE count(*); AGGREGATE sum(a) AS s, max(c) GROUP BY b; AGGREGATE GROUP BY b
AGGREGATE count(*) GROUP BY a % 2 AS m; AGGREGATE count(*) GROUP BY ROLLUP(b); AGGREGATE count(*) GROUP BY 1; ORDER BY a, b, c
ORDER BY a LIMIT 1; LIMIT 2; OFFSET 1; UNION ALL TABLE u; EXCEPT SELECT * FROM t; JOIN u USING (a); LEFT JOIN u ON t.a = u.a
LEFT ANTI JOIN u USING (a); CROSS JOIN u; PIVOT (sum(a) FOR b IN ('a', 'b')); UNPIVOT (v FOR n IN (a, c)); WINDOW w AS (PARTITION BY b)"""


def order():
    return TABLES, [above.format(pick) for pick in PICKS for above in ABOVE]


def rules():
    out = []
    for s in SOURCES:
        for value in ["max(f)", "min(f)", "max(s)", "min(s)", "sum(id)", "count(f)"]:
            for way in ["DESC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS FIRST", "ASC NULLS LAST"]:
                out.append(f"SELECT k, {value} AS m FROM {s} GROUP BY k ORDER BY m {way}, k LIMIT 3")
            out += [f"SELECT {value} FROM {s}{more}" for more in ["", " WHERE id > 5", " WHERE s = 'zzz'"]]
        for rank in ["row_number()", "rank()", "dense_rank()"]:
            for condition in ["= 1", "<= 2", "> 1", "<= 0", "IN (1, 2)"]:
                ranked = f"SELECT *, {rank} OVER (PARTITION BY k ORDER BY f DESC, id) AS r FROM {s}"
                out.append(f"SELECT id, k, r FROM ({ranked}) WHERE r {condition} ORDER BY k, r, id")
        for key in ["k", "s", "k, s", "f"]:
            out.append(f"SELECT DISTINCT {key} FROM {s} ORDER BY {key} LIMIT 2")
            out.append(f"SELECT {key}, count(*) FROM {s} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 2")
    return SPREAD, out


def pipes():
    operators = [o.strip() for o in OPERATORS.replace("\n", ";").split(";")]
    one = [f"{PIPE} FROM t |> {a}" for a in operators]
    return [], one + [f"{PIPE} FROM t |> {a} |> {b}" for a in operators for b in operators]


def main():
    before, queries = {"order": order, "rules": rules, "pipes": pipes}[sys.argv[1]]()
    seed, count = (list(map(int, sys.argv[2:])) + [None, None])[:2]
    if seed is not None:
        random.Random(seed).shuffle(queries)
    print("\n".join(before + queries[:count]))


if __name__ == "__main__":
    main()
