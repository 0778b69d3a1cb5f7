#!/usr/bin/env bash
# `make bench`: TPC-H beside Apache Spark 4.3 and DuckDB in one run (../shared/bench/sqlbench.py). Needs Java 17.
#   SCALE=1 RUNS=3 ENGINES="spark duckdb" scripts/bench.sh [ARGS of sqlbench.py: --queries q1,q6 --json FILE]
# The data (tpchgen-cli, 0.3 GB at scale 1) stays in a cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
SHARED=${VONK_SHARED:-$PWD/../shared}
SCALE=${SCALE:-1}
DATA=${VONK_TPCH:-${XDG_CACHE_HOME:-$HOME/.cache}/vonk/tpch-$SCALE}
scripts/setup.sh build spark
python=${VONK_SPARK_VENV:-.venv-spark}/bin/python
"$python" -m pip install -q --disable-pip-version-check duckdb tpchgen-cli
if [ ! -d "$DATA" ]; then
  mkdir -p "$DATA.part"
  "${python%/*}/tpchgen-cli" parquet -s "$SCALE" --parts=2 --output-dir="$DATA.part"
  mv "$DATA.part" "$DATA"
fi
BIN=${VONK_BIN:-$TARGET/release/vonk}
[ -n "${VONK_BIN:-}" ] || cargo build --release --locked "${BINARY[@]}"
warehouse=$(mktemp -d)
trap 'rm -rf "$warehouse"' EXIT
args=()
for engine in ${ENGINES-spark duckdb}; do args+=(--engine "$engine"); done
"$python" "$SHARED/bench/sqlbench.py" --data "$DATA" --runs "${RUNS:-3}" "${args[@]}" \
  --engine "vonk=!$BIN server --port {port} --warehouse $warehouse" "$@"
