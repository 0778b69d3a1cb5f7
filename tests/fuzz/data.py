"""The types that queries are made of, their values, and tables of them.

Every type has a tag, its SQL name, values for every day and wild ones (extremes, NaN, -0.0, years 1 and 9999,
text outside ASCII). A table `t` has three columns of each tag: `<tag>a` every-day values and NULL, `<tag>n`
without NULL, `<tag>w` wild ones too. A query carries its tables with it, as common table expressions of the
columns it names: what fails here fails anywhere.
"""

import random
import re

ROWS = 9


def cast(kind, *values):
    return [f"CAST({v} AS {kind})" for v in values]


def quoted(prefix, *values):
    return [f"{prefix}'{v}'" for v in values]


# tag: (SQL name, every-day values, wild values)
TYPES = {
    "i8": ("TINYINT", ["1Y", "0Y", "-3Y", "7Y", "2Y"], ["127Y", "-128Y"]),
    "i16": ("SMALLINT", ["1S", "0S", "-3S", "12S", "2S"], ["32767S", "-32768S", "200S"]),
    "i32": ("INT", ["1", "0", "-3", "7", "12", "2", "5"], ["2147483647", "-2147483648", "100000"]),
    "i64": ("BIGINT", ["1L", "0L", "-3L", "7L", "100L", "2L"], ["9223372036854775807L", "-9223372036854775808L", "3000000000L"]),
    "f32": ("FLOAT", ["1.5F", "0.0F", "-2.25F", "3.0F", "0.1F"], ["float('NaN')", "float('Infinity')", "-0.0F", "3.4028235E38F", "1.4E-45F", "16777217F"]),
    "f64": (
        "DOUBLE",
        ["1.5D", "0.0D", "-2.5D", "3.0D", "0.1D", "0.5D"],
        ["double('NaN')", "double('-Infinity')", "-0.0D", "1.7976931348623157E308D", "4.9E-324D", "1.0E7D", "1.0E-3D", "9007199254740993D"],
    ),
    "dec": ("DECIMAL(10,2)", cast("DECIMAL(10,2)", "1.50", "0", "-3.25", "12.00", "2.5"), cast("DECIMAL(10,2)", "99999999.99", "-99999999.99", "0.01", "-0.05")),
    "dec38": (
        "DECIMAL(38,18)",
        cast("DECIMAL(38,18)", "1.5", "0", "-3.25", "7", "0.000000000000000001"),
        cast("DECIMAL(38,18)", "99999999999999999999.999999999999999999", "-12345678901234567890.5"),
    ),
    "str": (
        "STRING",
        quoted("", "abc", "ABC", "", " a b ", "1", "12.5", "é", "a,b,c", "2020-01-02", "true", "abcabc", "Spark SQL"),
        quoted("", "日本語", "😀x😀", "ß", "İi", "e\\u0301", "1e400", "NaN", "%_", "\\\\", "-7", "2020-02-30 25:00", "\\t x\\n", "9223372036854775808"),
    ),
    "bin": ("BINARY", quoted("X", "616263", "", "007F", "61"), quoted("X", "E697A5E69CAC", "7F01", "F09F9880")),
    "bool": ("BOOLEAN", ["true", "false"], ["true", "false"]),
    "date": ("DATE", quoted("DATE", "2020-02-29", "1970-01-01", "2019-12-31", "2021-03-14", "2024-07-04"), quoted("DATE", "0001-01-01", "9999-12-31", "1582-10-04", "1900-01-01")),
    "ts": (
        "TIMESTAMP",
        quoted("TIMESTAMP", "2020-02-29 12:34:56.789", "1970-01-01 00:00:00", "2021-03-14 02:30:00", "2021-11-07 01:30:00", "2019-12-31 23:59:59"),
        quoted("TIMESTAMP", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999", "1883-11-18 12:00:00"),
    ),
    "ntz": (
        "TIMESTAMP_NTZ",
        quoted("TIMESTAMP_NTZ", "2020-02-29 12:34:56.789", "1970-01-01 00:00:00", "2021-03-14 02:30:00", "2019-12-31 23:59:59.000001"),
        quoted("TIMESTAMP_NTZ", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"),
    ),
    "ym": ("INTERVAL YEAR TO MONTH", [f"INTERVAL '{v}' YEAR TO MONTH" for v in ("1-2", "0-0", "-0-5", "2-0")], [f"INTERVAL '{v}' YEAR TO MONTH" for v in ("178956970-7", "-178956970-8")]),
    "dt": (
        "INTERVAL DAY TO SECOND",
        [f"INTERVAL '{v}' DAY TO SECOND" for v in ("1 02:03:04.5", "0 00:00:00", "-0 12:00:00", "30 00:00:01")],
        [f"INTERVAL '{v}' DAY TO SECOND" for v in ("106751991 04:00:54.775807", "-106751991 04:00:54.775808")],
    ),
    "cal": ("INTERVAL", ["make_interval(1, 2, 0, 3, 4, 5, 6.5)", "make_interval(0)", "make_interval(0, -1, 0, 15)"], ["make_interval(100, 0, 5, -300, 0, 0, -0.000001)"]),
    "[i32]": ("ARRAY<INT>", ["array(1, 2, 3)", "array(3, NULL, 1, 3)", "CAST(array() AS ARRAY<INT>)", "array(7)"], ["array(2147483647, -2147483648, 0)", "array(CAST(NULL AS INT))"]),
    "[str]": ("ARRAY<STRING>", ["array('b', 'a', 'b')", "array('x', NULL)", "CAST(array() AS ARRAY<STRING>)", "array('1', '2')"], ["array('é', '日本', '')"]),
    "[f64]": ("ARRAY<DOUBLE>", ["array(1.5D, 0.0D)", "array(NULL, 2.5D, -1.0D)"], ["array(double('NaN'), 0.0D, -0.0D, double('Infinity'))"]),
    "[date]": ("ARRAY<DATE>", ["array(DATE'2020-01-01', DATE'2019-05-05')", "array(CAST(NULL AS DATE))"], ["array(DATE'0001-01-01', DATE'9999-12-31')"]),
    "[[i32]]": ("ARRAY<ARRAY<INT>>", ["array(array(1, 2), array(3))", "array(array(), NULL, array(2, NULL))"], ["array(array(1), array(1))"]),
    "{str:i32}": ("MAP<STRING, INT>", ["map('a', 1, 'b', 2)", "map('x', NULL)", "CAST(map() AS MAP<STRING, INT>)"], ["map('', 0, 'é', -2147483648)"]),
    "{i32:str}": ("MAP<INT, STRING>", ["map(1, 'a', 2, 'b')", "map(0, NULL)"], ["map(2147483647, '', -1, '日')"]),
    "(ab)": ("STRUCT<a: INT, b: STRING>", ["named_struct('a', 1, 'b', 'x')", "named_struct('a', NULL, 'b', 'y')", "named_struct('a', 2, 'b', NULL)"], ["named_struct('a', -2147483648, 'b', '日')"]),
    "var": ("VARIANT", ["parse_json('1')", "parse_json('\"x\"')", "parse_json('{\"a\": 1, \"b\": [1, 2.5, null]}')", "parse_json('null')"], ["parse_json('1e300')", "parse_json('[true, {\"a\": \"é\"}]')"]),
}
TAGS = list(TYPES)
NUMBERS = ["i8", "i16", "i32", "i64", "f32", "f64", "dec", "dec38"]
INTEGERS = NUMBERS[:4]
TIMES = ["date", "ts", "ntz"]
ELEMENTS = ["i32", "str", "f64", "date", "[i32]"]
PLAIN = NUMBERS + ["str", "bin", "bool", "date", "ts", "ntz", "ym", "dt"]
ORDERED = PLAIN + ["[i32]", "[str]", "(ab)"]


def null(tag):
    return f"CAST(NULL AS {TYPES[tag][0]})"


class Table:
    """Rows of literals by column; the same for every seed, so that a finding needs no seed to be seen again."""

    def __init__(self, name, tags, rows=ROWS, few=False):
        rng = random.Random(name)
        self.name, self.columns, self.tags = name, {"id": [str(i + 1) for i in range(rows)]}, {"id": "i32"}
        for tag in tags:
            _, tame, wild = TYPES[tag]
            tame = tame[:3] if few else tame
            deal = lambda pool: [pool[i % len(pool)] for i in rng.sample(range(max(rows, len(pool))), rows)]
            prefix = re.sub(r"\W", "", tag.replace("[", "a").replace("{", "m").replace("(", "s"))
            wild = (wild[:2] if few else wild) + tame[:2] + [null(tag)]
            for suffix, pool in (("a", tame + [null(tag)]), ("n", tame), ("w", wild)):
                self.columns[prefix + suffix] = deal(pool)
                self.tags[prefix + suffix] = tag

    def having(self, tag, wild):
        return [c for c, t in self.tags.items() if t == tag and c != "id" and (wild or not c.endswith("w"))]

    def row(self, i, used):
        return "(" + ", ".join(self.columns[c][i] for c in used) + ")"


def used(table, words):
    """The columns of a table that a text names; `id` always, so that rows can be told apart."""
    named = set(re.findall(r"\w+", words))
    return [c for c in table.columns if c in named or c == "id"]


def with_tables(tables, words, rows=None, spread=False):
    """The query with its tables before it: only the columns it names, all rows or those given by table."""
    parts = []
    for table in tables:
        if not re.search(rf"\b{table.name}\b", words):
            continue
        cols = used(table, words)
        keep = (rows or {}).get(table.name, range(len(table.columns["id"])))
        values = ", ".join(table.row(i, cols) for i in keep)
        body = f"SELECT * FROM VALUES {values} AS v({', '.join(cols)})"
        if spread:
            body = f"SELECT /*+ REPARTITION(3) */ * FROM ({body})"
        parts.append(f"{table.name} AS ({body})")
    return (f"WITH {', '.join(parts)} " if parts else "") + words
