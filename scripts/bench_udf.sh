#!/usr/bin/env bash
# `make bench-udf`: Python functions beside Apache Spark 4.3 (and Sail, where pysail is installed) in one run. Needs Java 17.
#   ROWS=10000000 RUNS=3 ENGINES="spark sail" scripts/bench_udf.sh [ARGS of bench_udf.py: --kinds pandas --json FILE]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh build spark
python=${VONK_SPARK_VENV:-.venv-spark}/bin/python
BIN=${VONK_BIN:-$TARGET/release/vonk}
[ -n "${VONK_BIN:-}" ] || cargo build --release --locked "${BINARY[@]}"
warehouse=$(mktemp -d)
trap 'rm -rf "$warehouse"' EXIT
args=()
for engine in ${ENGINES-spark sail}; do
  [ "$engine" = sail ] && ! command -v sail > /dev/null && { echo "sail: not installed (pip install pysail)"; continue; }
  args+=(--engine "$engine")
done
PYSPARK_PYTHON=$(realpath -s "$python") "$python" scripts/bench_udf.py --rows "${ROWS:-10000000}" --runs "${RUNS:-3}" \
  --shared "${VONK_SHARED:-$PWD/../shared}" "${args[@]}" \
  --engine "vonk=!$BIN server --port {port} --warehouse $warehouse" "$@"
