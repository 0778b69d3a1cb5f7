#!/usr/bin/env bash
# `make status`: asks the binary what it can do and writes the generated part of docs/STATUS.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh python
if [ -z "${VONK_BIN:-}" ]; then
  scripts/setup.sh build
  cargo build --locked "${BINARY[@]}"
fi
VONK_BIN=${VONK_BIN:-$TARGET/debug/vonk} exec "$PYTHON" tests/e2e/status.py --write
