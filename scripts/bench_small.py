#!/usr/bin/env python3
"""`make bench-small`: the start of a server, and the round trip of the smallest queries through PySpark.

    bench_small.py PATH/TO/vonk [--starts 20] [--queries 300]

Start: from the process's start to the first accepted connection. A query: `spark.sql(text).collect()`
in one session, after 20 warm-up runs; p50 and p95 in milliseconds.
"""
import argparse
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

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


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("--starts", type=int, default=20)
    arguments.add_argument("--queries", type=int, default=300)
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
        finally:
            stop(process)


if __name__ == "__main__":
    main()
