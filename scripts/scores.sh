#!/usr/bin/env bash
# The scoreboards of ../shared, run against our binary and compared with the floors in tests/scores.toml.
#   scores.sh check              both, as tests: fails when a figure is below its floor
#   scores.sh oracle  [ARGS…]    the recorded Spark cases; ARGS go to check_oracle.py (--group cast --show 5)
#   scores.sh doctests [ARGS…]   PySpark's own doctests; ARGS go to run_doctests.py (--filter builtin::)
# VONK_BIN chooses the binary (the debug one, built when missing), VONK_SHARED the folder, VONK_SPARK_VENV a Python with Spark 4.3.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
SHARED=${VONK_SHARED:-$PWD/../shared}
scripts/setup.sh python
if [ -z "${VONK_BIN:-}" ]; then
  scripts/setup.sh build
  cargo build --locked "${BINARY[@]}"
fi
export VONK_BIN=${VONK_BIN:-$TARGET/debug/vonk} VONK_SHARED=$SHARED
what=${1:-check}
shift || true
scripts/setup.sh spark
export VONK_SPARK_VENV=${VONK_SPARK_VENV:-$PWD/.venv-spark}
case $what in
  check) exec "$PYTHON" -m pytest tests/scores "$@" ;;
  oracle | doctests) exec "$PYTHON" tests/scores/scoreboards.py "$what" "$@" ;;
  *) echo "scores.sh: check, oracle or doctests" >&2; exit 2 ;;
esac
