#!/usr/bin/env python3
"""Throughput of Python functions, engine by engine, beside a bare Python process on the same data.

    python scripts/bench_udf.py --rows 10000000 --runs 3 --engine spark --engine 'vonk=!vonk server --port {port}'

Engines are named as in ../shared/bench/sqlbench.py. The bare process has the rows as Arrow batches, calls
the same function on them on one core, and makes Arrow batches of the results: what no engine can do without. For the
grouped map it brings the groups together as well, with Arrow's sort. Per core, an engine's time times its cores over
the bare time is the column `x bare`; the column after it is the engine's time over that of as many bare processes at
once, each with its share of the rows: cores share caches and memory, so that two take longer than half of one. Of two functions the lighter one (two additions' worth of work) shows what the
way there and back costs; the other is a scoring function of some ten passes over the values.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import time

# Before PySpark is imported: functions are those of a Connect client, though no session is active yet.
os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

GROUPS = 1000
BATCH = 10_000


def row(x):
    return x * 2 + 1


def series(v):
    return v * 2.0 + 1.0


def score(v):
    z = (v - 2_500_000.0) / 1_400_000.0
    p = 1.0 / (1.0 + np.exp(-z))
    entropy = -(p * np.log(p) + (1.0 - p) * np.log1p(-p))
    return np.sqrt(entropy) + np.tanh(z) * np.cos(z)


def group(frame):
    return frame.assign(v=frame.v - frame.v.mean())


def batches(iterator):
    for b in iterator:
        yield pa.RecordBatch.from_arrays([b.column(0), pc.add(pc.multiply(b.column(1), 2.0), 1.0)], ["id", "v"])


def scored(iterator):
    for b in iterator:
        values = score(b.column(1).to_numpy())
        yield pa.RecordBatch.from_arrays([b.column(0), pa.array(values)], ["id", "v"])


def table(n):
    ids = np.arange(n)
    return pa.table({"id": ids, "v": ids * 0.5, "g": ids % GROUPS})


SQL = f"SELECT id, CAST(id AS DOUBLE) * 0.5D AS v, id % {GROUPS} AS g FROM range({{n}})"


def reduced(frame, column):
    """The work is done for every row, and one row comes back."""
    return frame.agg(F.sum(column).alias("s")).collect()[0].s


KINDS = {
    "pickled row": (
        lambda df: reduced(df.select(F.udf(row, "long", useArrow=False)("id").alias("r")), "r"),
        lambda t: [pa.array([row(x) for x in b.column(0).to_pylist()]) for b in t],
    ),
    "arrow row": (
        lambda df: reduced(df.select(F.udf(row, "long", useArrow=True)("id").alias("r")), "r"),
        lambda t: [pa.array([row(x) for x in b.column(0).to_pylist()]) for b in t],
    ),
    "pandas": (
        lambda df: reduced(df.select(F.pandas_udf(series, "double", F.PandasUDFType.SCALAR)("v").alias("r")), "r"),
        lambda t: [pa.Array.from_pandas(series(b.column(1).to_pandas())) for b in t],
    ),
    "pandas score": (
        lambda df: reduced(df.select(F.pandas_udf(score, "double", F.PandasUDFType.SCALAR)("v").alias("r")), "r"),
        lambda t: [pa.Array.from_pandas(score(b.column(1).to_pandas())) for b in t],
    ),
    "grouped map": (
        lambda df: reduced(df.select("g", "v").groupBy("g").applyInPandas(group, "g long, v double"), "v"),
        None,
    ),
    "mapInArrow": (
        lambda df: reduced(df.select("id", "v").mapInArrow(batches, "id long, v double"), "v"),
        lambda t: list(batches(iter(t))),
    ),
    "mapInArrow score": (
        lambda df: reduced(df.select("id", "v").mapInArrow(scored, "id long, v double"), "v"),
        lambda t: list(scored(iter(t))),
    ),
}


def bare(kind, data):
    """Seconds that the function alone takes on one core."""
    if kind == "grouped map":
        begin, start = time.perf_counter(), 0
        ordered = data.select(["g", "v"]).take(pc.sort_indices(data["g"])).combine_chunks()
        ends = np.searchsorted(ordered["g"].to_numpy(), np.arange(GROUPS), side="right").tolist()
        for end in ends:
            pa.RecordBatch.from_pandas(group(ordered.slice(start, end - start).to_pandas()), preserve_index=False)
            start = end
        return time.perf_counter() - begin
    parts = data.combine_chunks().to_batches(max_chunksize=BATCH)
    begin = time.perf_counter()
    KINDS[kind][1](parts)
    return time.perf_counter() - begin


def bare_at_once(kind, rows, processes):
    """Seconds until the last of so many processes is done with its share of the rows."""
    context = multiprocessing.get_context("fork")
    together, results = context.Barrier(processes), context.Queue()

    def share():
        data = table(rows // processes)
        together.wait()
        results.put(bare(kind, data))

    workers = [context.Process(target=share, daemon=True) for _ in range(processes)]
    for w in workers:
        w.start()
    seconds = max(results.get(timeout=600) for _ in workers)
    for w in workers:
        w.join(60)
    return seconds


def measure(session, kind, rows, runs):
    """The median of the runs after the first, the first, and the value, which all engines must agree on."""
    data = session.sql(SQL.format(n=rows))
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        value = KINDS[kind][0](data)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:] or times), times[0], value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--memory", default="4g")
    parser.add_argument("--engine", action="append", default=[])
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--shared", default=os.environ.get("VONK_SHARED", "../shared"))
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    sys.path.insert(0, str(pathlib.Path(args.shared).resolve() / "bench"))
    import sqlbench

    kinds = [k.strip() for k in args.kinds.split(",")]
    data = table(args.rows)
    alone = {k: bare(k, data) for k in kinds}
    at_once = {k: bare_at_once(k, args.rows, args.threads) for k in kinds}
    found = {"rows": args.rows, "threads": args.threads, "bare": alone, "bare at once": at_once, "engines": {}}
    values = {}
    for spec in args.engine:
        engine = sqlbench.make_engine(spec, args.threads, args.memory)
        try:
            for kind in kinds:
                try:
                    seconds, first, value = measure(engine.session, kind, args.rows, args.runs)
                    same = np.isclose(float(value), float(values.setdefault(kind, value)), rtol=1e-9, atol=1e-3)
                except Exception as e:
                    seconds, first, same = float("nan"), float("nan"), f"{type(e).__name__}: {str(e)[:200]}"
                found["engines"].setdefault(engine.name, {})[kind] = {"seconds": seconds, "first": first, "same": str(same)}
                ratio = seconds * args.threads / alone[kind]
                note = "" if same is np.True_ or same is True else f"  {same}"
                print(
                    f"{engine.name:8} {kind:16} {seconds:8.2f} s  first {first:6.2f} s  "
                    f"{args.rows / seconds / 1e6:7.2f} M rows/s  {ratio:5.2f} x bare ({alone[kind]:.2f} s)  "
                    f"{seconds / at_once[kind]:5.2f} x at once ({at_once[kind]:.2f} s){note}",
                    flush=True,
                )
        finally:
            engine.close()
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    pd.options.mode.copy_on_write = False
    main()
