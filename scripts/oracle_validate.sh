#!/usr/bin/env bash
# `make oracle-validate`: replays our own expected results (tests/cases) on a real Apache Spark 4.3. Needs Java 17.
#   oracle_validate.sh              compares; fails where Spark says something else
#   oracle_validate.sh --record     writes what Spark says into the files, to be reviewed as a diff
# SPARK_REMOTE=sc://… uses a Spark Connect server that already runs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh python
if [ -n "${SPARK_REMOTE:-}" ]; then
  exec "$PYTHON" tests/e2e/cases.py "$@"
fi
scripts/setup.sh spark
home=$("${VONK_SPARK_VENV:-.venv-spark}/bin/python" -c 'import pyspark; print(pyspark.__path__[0])')
port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
work=$(mktemp -d)
(cd "$work" && SPARK_HOME=$home SPARK_LOCAL_IP=127.0.0.1 exec "$home/bin/spark-submit" --master 'local[1]' --driver-memory 2g \
  --class org.apache.spark.sql.connect.service.SparkConnectServer --conf spark.connect.grpc.binding.port="$port" \
  --conf spark.connect.grpc.binding.address=127.0.0.1 --conf spark.sql.shuffle.partitions=2 --conf spark.ui.enabled=false \
  spark-internal > "$work/spark.log" 2>&1) &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 240); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  kill -0 "$server" 2>/dev/null || { cat "$work/spark.log" >&2; exit 1; }
  sleep 0.5
done
SPARK_REMOTE=sc://127.0.0.1:$port "$PYTHON" tests/e2e/cases.py "$@"
