"""Runs the scoreboards of ../shared against `$VONK_BIN` and gives their figures.

    scoreboards.py oracle [ARGS of check_oracle.py]
    scoreboards.py doctests [ARGS of run_doctests.py]

`$VONK_SHARED` is the folder of the scoreboards, `$VONK_SPARK_VENV` a Python environment with
pyspark[connect] 4.3. `scripts/scores.sh` sets all three. Results stay in target/scores.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("VONK_SHARED", ROOT.parent / "shared"))
SPARK = pathlib.Path(os.environ.get("VONK_SPARK_VENV", ROOT / ".venv-spark"))
OUT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "scores"
LIMIT_SECONDS = 40 * 60


def floors():
    return tomllib.loads((ROOT / "tests/scores.toml").read_text())


def binary():
    return os.environ["VONK_BIN"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def oracle(*args):
    """The recorded cases; each figure a percentage, crashes and time-outs as counts."""
    OUT.mkdir(parents=True, exist_ok=True)
    result = OUT / "oracle.json"
    result.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as warehouse:
        start = f"{binary()} server --port {{port}} --warehouse {warehouse}/w"
        remote = f"sc://127.0.0.1:{free_port()}"
        cases = str(SHARED / "oracle/visible")
        # The client of 4.3 alone knows all types that 4.3 has.
        command = [str(SPARK / "bin/python"), str(SHARED / "oracle/check_oracle.py"), "--remote", remote, "--cases", cases]
        command += ["--start", start, "--threads", "4", "--json", str(result), *args]
        subprocess.run(command, check=True, cwd=warehouse, timeout=LIMIT_SECONDS)
    total = json.loads(result.read_text())["total"]
    count = lambda key: total.get(key, 0)  # noqa: E731
    rows, errors = max(1, count("rows")), max(1, count("errors"))
    return {
        "overall": 100 * (count("type+name") + count("class")) / max(1, count("cases")),
        "value": 100 * count("value") / rows,
        "nullable": 100 * count("nullable") / rows,
        "class": 100 * count("class") / errors,
        "crash": count("crash"),
        "timeout": count("timeout"),
    }


def doctests(*args):
    """PySpark's own doctests of the group `sql`, of those that pass on Spark's own server."""
    shutil.rmtree(OUT / "doctests", ignore_errors=True)
    (OUT / "doctests").mkdir(parents=True)
    result = OUT / "doctests/run.jsonl"
    ceiling = SHARED / "conformance/results/spark.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        server = f"{binary()} server --port {{port}} --warehouse {folder}/w"
        command = [str(SPARK / "bin/python"), str(SHARED / "conformance/run_doctests.py"), "--server", "cmd"]
        command += ["--server-cmd", server, "--groups", "sql", "--jobs", "2", "--ceiling", str(ceiling)]
        command += ["--out", str(result), *args]
        subprocess.run(command, check=True, cwd=folder, timeout=LIMIT_SECONDS)
    return doctest_figures(result, ceiling)


def doctest_figures(result, ceiling):
    passed_on_spark = {key(r) for r in records(ceiling) if r["status"] == "passed"}
    ours = {key(r): r["status"] for r in records(result)}
    counted = [status for test, status in ours.items() if test in passed_on_spark]
    lost = sum(status in ("timeout", "crash") for status in counted)
    return {"strict": 100 * counted.count("passed") / max(1, len(counted)), "lost": lost}


def key(record):
    return f"{record['module']}::{record['object']}"


def records(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines() if line]


def below(figures, least):
    """What is worse than its floor, in words. Counts are floors from above."""
    faults = []
    for name, bound in least.items():
        is_count = isinstance(bound, int)
        if figures[name] > bound if is_count else figures[name] < bound:
            faults.append(f"{name} is {figures[name]:.1f}, {'at most' if is_count else 'at least'} {bound} is demanded")
    return faults


if __name__ == "__main__":
    figures = {"oracle": oracle, "doctests": doctests}[sys.argv[1]](*sys.argv[2:])
    print("\n" + ", ".join(f"{name} {figure:.1f}" for name, figure in figures.items()))
