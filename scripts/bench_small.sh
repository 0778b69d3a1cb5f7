#!/usr/bin/env bash
# `make bench-small`: start-up and round trips of the release binary (scripts/bench_small.py, whose arguments it takes).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh build python
BIN=${VONK_BIN:-$TARGET/release/vonk}
[ -n "${VONK_BIN:-}" ] || cargo build --release --locked "${BINARY[@]}"
"$PYTHON" scripts/bench_small.py "$BIN" "$@"
