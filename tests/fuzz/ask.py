"""A few queries by hand: each line of standard input to Vonk and to Spark, and in what they differ.

    echo "SELECT 1 + 1" | ask.py --spark sc://127.0.0.1:15043 [--conf=key=value …] [--show]
    echo "what it shows | SELECT 1 + 1" | ask.py --record tests/cases/fuzz.json

A query that begins with `[legacy]` is asked without ANSI. With `--record`, a line is `name | query`, and is kept
as a case with Spark's answer instead of being compared.
"""

import argparse
import json
import logging
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from cases import dump, load, outcome  # noqa: E402
from compare import Engine, difference  # noqa: E402
from run import start  # noqa: E402

LEGACY = "[legacy]"


def lines():
    return filter(None, map(str.strip, sys.stdin))


def question(words, args):
    """A query, and the settings that it and the command line name."""
    conf = {"spark.sql.ansi.enabled": "false"} if words.startswith(LEGACY) else {}
    return words.removeprefix(LEGACY).strip(), conf | dict(c.split("=", 1) for c in args.conf)


def brief(answer):
    return json.dumps({k: v for k, v in answer.items() if k != "schema"} if "error" in answer else [answer.get("schema", answer), answer.get("rows")], ensure_ascii=False, default=str)


def compare(args):
    with tempfile.TemporaryDirectory(prefix="vonk-ask-") as folder:
        vonk, spark = start(f"vonk: {args.vonk}", folder), Engine("spark", args.spark, limit=60)
        for line in lines():
            sql, conf = question(line, args)
            conf = {"spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "UTC"} | conf
            ours, theirs = vonk.ask(sql, conf), spark.ask(sql, conf)
            found = difference(ours, theirs, args.ordered)
            print("DIFF" if found else "same", sql[:300], *(found or []))
            if found or args.show:
                print(f"  vonk  {brief(ours)[:1500]}\n  spark {brief(theirs)[:1500]}")
        vonk.stop()


def record(args):
    from pyspark.sql.connect.session import SparkSession

    logging.disable(logging.CRITICAL)  # PySpark logs every error that a case expects
    path = pathlib.Path(args.record)
    document = load(path)
    for line in lines():
        name, words = map(str.strip, line.split("|", 1))
        sql, conf = question(words, args)
        if any(case["name"] == name for case in document["cases"]):
            sys.exit(f"there is a case '{name}' already")
        session = SparkSession.builder.remote(args.spark).create()
        case = {"name": name} | ({"conf": conf} if conf else {}) | {"sql": sql}
        case |= outcome(session, case, {})
        session.stop()
        document["cases"].append(case)
        print(json.dumps(case, ensure_ascii=False)[:400])
    path.write_text(dump(document))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spark", default=os.environ.get("SPARK_REMOTE", "sc://127.0.0.1:15043"))
    parser.add_argument("--vonk", default="--threads 2", help="arguments of vonk server")
    parser.add_argument("--conf", action="append", default=[], help="key=value, for all lines")
    parser.add_argument("--ordered", action="store_true", help="the order of rows counts")
    parser.add_argument("--show", action="store_true", help="show what is the same too")
    parser.add_argument("--record", metavar="FILE", help="keep the lines as cases with Spark's answer")
    args = parser.parse_args()
    (record if args.record else compare)(args)


if __name__ == "__main__":
    main()
