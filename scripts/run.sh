#!/usr/bin/env bash
# `make run`: builds the release binary and runs the example on the New York flights of 2013.
# The tables are printed; the picture, the model and the Parquet files are left in examples/output.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh build python
cargo build --release --locked "${BINARY[@]}"
FLIGHTS_OUT=${FLIGHTS_OUT:-$PWD/examples/output} "$TARGET/release/vonk" run --python "$PYTHON" \
  --warehouse "$PWD/examples/output/warehouse" examples/flights.py
