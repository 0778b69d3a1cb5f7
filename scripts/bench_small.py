#!/usr/bin/env python3
"""`make bench-small`: the start of a server, and the round trip of the smallest queries through PySpark.

    bench_small.py PATH/TO/vonk [--starts 20] [--queries 300] [--sessions 20]

Start: from the process's start to the first accepted connection. A query: `spark.sql(text).collect()`
in one session, after 20 warm-up runs; p50 and p95 in milliseconds. Python functions: one call over one
row, for every kind the first of a fresh session and ten later ones; the session's own first query, which
every client makes, is not counted. `own files`: the session has an artifact, so workers of its own.
"""
import argparse
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# Before PySpark is imported: functions are those of a Connect client.
os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
os.environ.setdefault("VONK_PYTHON", sys.executable)

import pandas as pd

QUERIES = {
    "select 1": "select 1",
    "range, sum": "select sum(id) from range(1000)",
    "values, group": "select k, count(*) from values (1), (2), (2) as t(k) group by k order by k",
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(binary, warehouse):
    """The process, its port, and the seconds until it took a connection."""
    port = free_port()
    begin = time.perf_counter()
    command = [binary, "server", "--port", str(port), "--warehouse", warehouse]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while time.perf_counter() - begin < 60:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return process, port, time.perf_counter() - begin
        time.sleep(0.001)
    process.kill()
    raise TimeoutError("no server within 60 s")


def stop(process):
    process.terminate()
    process.wait(30)


def functions():
    """One call of each kind, as a query over a DataFrame of one row."""
    from pyspark.sql.connect.functions import pandas_udf, udf

    def plus(v: pd.Series) -> pd.Series:
        return v + 1

    return {
        "row function": lambda df: df.select(udf(lambda x: x + 1, "long", useArrow=False)("id")),
        "Arrow row function": lambda df: df.select(udf(lambda x: x + 1, "long", useArrow=True)("id")),
        "pandas function": lambda df: df.select(pandas_udf(plus, "long")("id")),
        "applyInPandas": lambda df: df.groupBy("id").applyInPandas(lambda frame: frame, "id long"),
        "mapInArrow": lambda df: df.mapInArrow(lambda batches: batches, "id long"),
    }


def measure_functions(remote, sessions):
    from pyspark.sql.connect.session import SparkSession

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as artifact:
        cases = [(name, call, False) for name, call in functions().items()]
        cases.append(("row function, own files", functions()["row function"], True))
        for name, call, own in cases:
            first, later = [], []
            for _ in range(sessions):
                spark = SparkSession.builder.remote(remote).create()
                if own:
                    spark.addArtifact(artifact.name, file=True)
                spark.range(1).collect()
                for i in range(11):
                    begin = time.perf_counter()
                    rows = call(spark.range(1)).collect()
                    (later if i else first).append((time.perf_counter() - begin) * 1000)
                    assert len(rows) == 1
                spark.stop()
            p95 = statistics.quantiles(later, n=20)[-1]
            print(
                f"{name}: first call of a session p50 {statistics.median(first):.1f} ms, worst {max(first):.1f} "
                f"of {len(first)}; later p50 {statistics.median(later):.2f} ms, p95 {p95:.2f}"
            )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("--starts", type=int, default=20)
    arguments.add_argument("--queries", type=int, default=300)
    arguments.add_argument("--sessions", type=int, default=20)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as warehouse:
        starts = []
        for _ in range(options.starts):
            process, _, seconds = start(options.binary, warehouse)
            stop(process)
            starts.append(seconds)
        print(f"start: p50 {statistics.median(starts):.3f} s, worst {max(starts):.3f} s of {len(starts)}")

        from pyspark.sql.connect.session import SparkSession

        process, port, _ = start(options.binary, warehouse)
        try:
            spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
            for name, text in QUERIES.items():
                times = []
                for i in range(options.queries + 20):
                    begin = time.perf_counter()
                    spark.sql(text).collect()
                    if i >= 20:
                        times.append((time.perf_counter() - begin) * 1000)
                p95 = statistics.quantiles(times, n=20)[-1]
                print(f"{name}: p50 {statistics.median(times):.2f} ms, p95 {p95:.2f} ms of {len(times)}")
            spark.stop()
            measure_functions(f"sc://127.0.0.1:{port}", options.sessions)
        finally:
            stop(process)

        # A server whose first query has a Python function: the interpreter starts while the client connects.
        firsts = []
        for _ in range(5):
            process, port, _ = start(options.binary, warehouse)
            try:
                begin = time.perf_counter()
                spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
                functions()["row function"](spark.range(1)).collect()
                firsts.append(time.perf_counter() - begin)
                spark.stop()
            finally:
                stop(process)
        print(f"a fresh server's first row function, with the connection: p50 {statistics.median(firsts):.2f} s")


if __name__ == "__main__":
    main()
