#!/usr/bin/env bash
# `make test`: unit and case tests of every crate, then the end-to-end tests with the real client.
# Arguments go to pytest: scripts/test.sh -k reattach
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh build python
if [ $# -eq 0 ]; then
  say "crates"
  VONK_PYTHON="$PWD/$PYTHON" cargo test --workspace --locked
fi
say "worker"
"$PYTHON" -m pytest tests/worker
say "binary"
cargo build --locked "${BINARY[@]}"
say "end to end"
VONK_BIN=${VONK_BIN:-$TARGET/debug/vonk} "$PYTHON" -m pytest tests/e2e "$@"
if [ $# -eq 0 ]; then
  say "cases, every physical plan sent through bytes"
  VONK_RECODE_PLANS=1 VONK_BIN=${VONK_BIN:-$TARGET/debug/vonk} "$PYTHON" -m pytest tests/e2e/test_cases.py
fi
