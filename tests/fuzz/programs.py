"""Programs of several steps on Vonk and on Spark, and the steps whose outcome differs.

    grids.py order | programs.py --spark sc://127.0.0.1:15043 [--vonk "--threads 4"]

Standard input holds programs with an empty line between them. Each runs in a session and a database of its own on
either server. A line is a statement, or `py: EXPRESSION` that gives a DataFrame (over spark, F, Window, T), or
`conf: KEY=VALUE`, or `file: NAME "its text as JSON"` that writes into the folder that DIR stands for. The order of rows counts behind `ordered: ` and where a statement has ORDER BY. Schemas, rows,
error conditions, SQLSTATEs and parameters are compared, but for numbers of expressions and places of files.
"""

import argparse
import json
import logging
import os
import pathlib
import re
import sys
import tempfile
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from cases import close, outcome  # noqa: E402
from harness import Server  # noqa: E402


def programs(text):
    return [block.strip().split("\n") for block in re.split(r"\n\s*\n", text) if block.strip()]


def comparable(answer):
    """The answer without what differs from run to run."""
    text = re.sub(r"(?:file:)?/[^\"\s,]*?/(db_\w+)", r"<files>/\1", json.dumps(answer, default=str))
    return json.loads(re.sub(r"#\d+L?", "#n", text))


def steps(session, lines, database, files):
    """(step, outcome) of each line of a program."""
    session.sql(f"CREATE DATABASE {database}").collect()
    session.sql(f"USE {database}").collect()
    for line in map(str.strip, lines):
        if line.startswith("conf:"):
            session.conf.set(*map(str.strip, line.removeprefix("conf:").split("=", 1)))
            continue
        if line.startswith("file:"):
            name, text = line.removeprefix("file:").split(maxsplit=1)
            file = pathlib.Path(files, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(json.loads(text).encode())
            continue
        words = line.removeprefix("ordered:").strip().replace("DIR", str(files))
        case = {"ordered": line.startswith("ordered:") or "ORDER BY" in line}
        case |= {"python": words.removeprefix("py:").strip()} if words.startswith("py:") else {"sql": words}
        try:
            yield line, comparable(outcome(session, case, {}))
        except Exception as e:  # noqa: BLE001 - the step itself may be at fault: it is shown
            yield line, {"exception": f"{type(e).__name__}: {str(e)[:300]}"}


def answers(url, lines, database, files):
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(url).create()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        return list(steps(session, lines, database, files))
    finally:
        session.sql("USE default").collect()
        session.sql(f"DROP DATABASE IF EXISTS {database} CASCADE").collect()
        session.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spark", default=os.environ.get("SPARK_REMOTE", "sc://127.0.0.1:15043"))
    parser.add_argument("--vonk", default="--threads 2", help="arguments of vonk server")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # PySpark logs every error that a step expects
    asked = differ = 0
    with tempfile.TemporaryDirectory(prefix="vonk-programs-") as folder:
        vonk = Server(pathlib.Path(folder) / "warehouse", *args.vonk.split())
        for number, lines in enumerate(programs(sys.stdin.read())):
            database = "db_" + uuid.uuid4().hex[:8]
            files = {name: pathlib.Path(folder) / name / database for name in ("vonk", "spark")}
            ours = answers(vonk.url, lines, database, files["vonk"])
            theirs = answers(args.spark, lines, database, files["spark"])
            for (line, a), (_, b) in zip(ours, theirs):
                asked += 1
                if not close(a, b):
                    differ += 1
                    print(f"DIFF [{number}] {line}\n  vonk  {json.dumps(a)[:1500]}\n  spark {json.dumps(b)[:1500]}", flush=True)
        vonk.stop()
    print(f"{asked} steps, {differ} differ")


if __name__ == "__main__":
    main()
