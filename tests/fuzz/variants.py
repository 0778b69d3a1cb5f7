"""Variants of the recorded cases: what stands near a case that is right is often not.

    variants.py --spark sc://127.0.0.1:15043 --cases ../shared/oracle/visible --group cast --count 2000 --seed 3

Each step takes a recorded query, changes one or two of its words (a literal, a type, a function's argument, an
operator, a setting) and asks both servers. What differs is written to OUT/findings.jsonl like the random
queries' findings (`run.py`), with the query it came from.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import sys
import tempfile

from compare import SHARED, Engine, difference
from run import Fuzz, start

WORD = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|`[^`]*`|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?:BD|[YSLDF])?\b|\w+|\s+|<=>|->|=>|\|\||[<>!=]=|<>|.", re.S)
NUMBERS = ["0", "1", "-1", "2", "7", "3.14", "1.5D", "2147483647", "-2147483648", "9223372036854775807L", "1e300", "100", "0.5", "127Y", "12345.678BD", "float('nan')"]
STRINGS = ["''", "'abc'", "'ABC'", "' 12 '", "'1'", "'-3.7'", "'true'", "'2020-02-29'", "'2020-01-01 10:11:12.123456'", "'é😀'", "'a,b,c'", "'%'", "'[1,2]'", "'{\"a\":1}'", "'UTC'", "'12:30'"]
OTHERS = ["NULL", "true", "DATE'2021-03-04'", "TIMESTAMP'2021-03-14 02:30:00'", "TIMESTAMP_NTZ'2021-03-14 02:30:00'", "X'1F2E'", "INTERVAL '1' DAY", "INTERVAL '2-3' YEAR TO MONTH", "array(1, 2)", "array('a', NULL)", "map('k', 1)", "named_struct('x', 1, 'y', 'z')", "CAST(NULL AS STRING)", "CAST(NULL AS INT)", "CAST('1.25' AS DECIMAL(5,2))", "array()"]
TYPES = ["TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,18)", "DECIMAL(3,0)", "STRING", "BINARY", "BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH", "INTERVAL HOUR", "ARRAY<INT>", "ARRAY<STRING>", "MAP<STRING, INT>", "STRUCT<x: INT>", "VARIANT", "CHAR(3)", "VARCHAR(2)"]
OPERATORS = ["+", "-", "*", "/", "%", "DIV", "=", "<=>", "<", ">=", "<>", "&", "|", "^", "||", "AND", "OR"]
TYPE_NAME = re.compile(r"(?i)TINYINT|SMALLINT|INT|INTEGER|BIGINT|FLOAT|DOUBLE|STRING|BINARY|BOOLEAN|DATE|TIMESTAMP|TIMESTAMP_NTZ|VARIANT")
GONE = re.compile(r"(?i)\b(rand|randn|uuid|now|current_\w+|random|shuffle|randstr|uniform|monotonically_increasing_id|spark_partition_id|input_file\w*|localtimestamp|curdate|unix_timestamp\(\)|version|java_method|reflect|collations|assert_true|tablesample|sample)\b")

# Answers of very many rows, which no client holds.
HUGE = re.compile(r"(?i)\b(range|stack|sequence|explode)\b.*\d{7,}")


def words(sql):
    return WORD.findall(sql)


def arguments(tokens):
    """(start, end) of each argument of each call."""
    found, open_at = [], []
    for i, t in enumerate(tokens):
        if t == "(":
            open_at.append([i + 1, i > 0 and re.fullmatch(r"\w+", tokens[i - 1]) is not None])
        elif t in (",", ")") and open_at:
            begin, call = open_at[-1]
            if call and "".join(tokens[begin:i]).strip():
                found.append((begin, i))
            if t == ")":
                open_at.pop()
            else:
                open_at[-1][0] = i + 1
    return found


def nearby(rng, literal):
    """A string literal with a small change."""
    text = literal[1:-1]
    if not text:
        return rng.choice(STRINGS)
    i = rng.randrange(len(text))
    text = rng.choice([text[:i] + text[i + 1 :], text[:i] + text[i] + text[i:], text.upper(), text + " ", text[::-1], text[:i] + rng.choice("019-: ,.xZéT%_") + text[i + 1 :]])
    return "'" + text.replace("\\", "").replace("'", "") + "'"


def change(rng, sql):
    tokens = words(sql)
    kind = rng.choices(["literal", "argument", "type", "operator", "drop"], [6, 4, 2, 2, 1])[0]
    if kind == "literal":
        spots = [i for i, t in enumerate(tokens) if t[0] == "'" or t[0].isdigit()]
        if spots:
            i = rng.choice(spots)
            near = nearby(rng, tokens[i]) if tokens[i][0] == "'" else rng.choice(NUMBERS)
            tokens[i] = near if rng.random() < 0.6 else rng.choice(NUMBERS + STRINGS + OTHERS)
    elif kind == "argument":
        spots = [(b, e) for b, e in arguments(tokens) if not re.search(r"(?i)\bAS\b", "".join(tokens[b:e]))]
        if spots:
            begin, end = rng.choice(spots)
            tokens[begin:end] = [rng.choice(OTHERS + NUMBERS + STRINGS)]
    elif kind == "type":
        spots = [i for i, t in enumerate(tokens) if TYPE_NAME.fullmatch(t)]
        if spots:
            tokens[rng.choice(spots)] = rng.choice(TYPES)
    elif kind == "operator":
        spots = [i for i, t in enumerate(tokens) if t.upper() in OPERATORS]
        if spots:
            tokens[rng.choice(spots)] = f" {rng.choice(OPERATORS)} "
    else:
        spots = arguments(tokens)
        if spots:
            begin, end = rng.choice(spots)
            if re.search(r"(?i)\bAS\b", "".join(tokens[begin:end])):  # CAST(x AS t) has one argument, and two halves
                return sql
            tokens[begin:end] = []
            if begin < len(tokens) and tokens[begin] == ",":
                del tokens[begin]
    return "".join(tokens)


def load(folder, groups):
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        for line in path.read_text().splitlines():
            case = json.loads(line)
            if not case.get("setup") and not case.get("fresh") and (not groups or case["group"] in groups) and not GONE.search(case["sql"]):
                yield case


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spark", default=os.environ.get("SPARK_REMOTE", "sc://127.0.0.1:15043"))
    parser.add_argument("--vonk", default="one: --threads 1")
    parser.add_argument("--cases", default=str(SHARED / "oracle" / "visible"))
    parser.add_argument("--group", action="append")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default=os.environ.get("FUZZ_OUT", "target/fuzz"))
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    cases = list(load(args.cases, args.group))
    asked, errors, causes, seen = 0, 0, collections.Counter(), set()
    with tempfile.TemporaryDirectory(prefix="vonk-fuzz-") as folder:
        vonk, spark = start(args.vonk, folder), Engine("spark", args.spark, limit=40)
        fuzz = Fuzz(spark, [vonk], out)
        for step in range(args.count):
            rng = random.Random(f"variants {args.seed}/{step}")
            case = rng.choice(cases)
            sql = case["sql"]
            for _ in range(rng.choice([1, 1, 2])):
                sql = change(rng, sql)
            conf = {k: v for k, v in case["conf"].items()}
            if rng.random() < 0.15:
                conf["spark.sql.ansi.enabled"] = rng.choice(["true", "false"])
            if sql == case["sql"] or (sql, str(conf)) in seen or HUGE.search(sql):
                continue
            seen.add((sql, str(conf)))
            theirs, ours = spark.ask(sql, conf), vonk.ask(sql, conf)
            if "crash" in theirs:
                print(f"Spark is gone: {theirs['crash']}")
                break
            asked += 1
            errors += "error" in theirs
            for kind, detail in difference(ours, theirs, case.get("ordered", False))[:1]:
                causes[kind if kind != "error" else f"error {detail}"] += 1
                fuzz.write(kind, case["id"], sql, conf, vonk, ours, theirs)
        getattr(vonk, "stop", lambda: None)()
    print(f"{asked} variants, {errors} of them errors in Spark; {len(fuzz.findings)} findings in {out / 'findings.jsonl'}")
    for cause, n in causes.most_common(40):
        print(f"{n:6}  {cause}")
    return 1 if fuzz.findings else 0


if __name__ == "__main__":
    sys.exit(main())
