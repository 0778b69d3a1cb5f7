#!/usr/bin/env bash
# `make fuzz`: random queries, Vonk against Apache Spark 4.3 and against itself (tests/fuzz). Arguments go to run.py:
#   fuzz.sh --seed 7 --queries 5000 --only expressions
# SPARK_REMOTE=sc://… uses a Spark Connect server that already runs; VONK_BIN chooses the binary. Findings: target/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh python
if [ -z "${VONK_BIN:-}" ]; then
  scripts/setup.sh build
  cargo build --locked "${BINARY[@]}"
fi
export VONK_BIN=${VONK_BIN:-$TARGET/debug/vonk} VONK_SHARED=${VONK_SHARED:-$PWD/../shared} FUZZ_OUT=${FUZZ_OUT:-$TARGET/fuzz}
if [ -z "${SPARK_REMOTE:-}" ]; then
  scripts/setup.sh spark
  port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  ORACLE_SPARK_VENV=${VONK_SPARK_VENV:-.venv-spark} "$VONK_SHARED/oracle/start_spark.sh" "$port" > /dev/null 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null' EXIT
  for _ in $(seq 240); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { echo "Spark did not start" >&2; exit 1; }
    sleep 0.5
  done
  SPARK_REMOTE=sc://127.0.0.1:$port
fi
nice -n 10 "$PYTHON" tests/fuzz/run.py --spark "$SPARK_REMOTE" "$@"
