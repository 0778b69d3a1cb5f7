#!/usr/bin/env bash
# `make test`: unit and case tests of every crate, then the end-to-end tests with the real client.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh build python
cargo test --workspace --locked
cargo build --locked -p vonk-cli -p vonk-warm
VONK_BIN="$TARGET/debug/vonk" .venv/bin/python -m pytest -q tests/e2e
