#!/usr/bin/env bash
# `make run`: builds the release binary and runs the example on the New York flights of 2013.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh build python
cargo build --release --locked -p vonk-cli -p vonk-warm
PATH="$PWD/.venv/bin:$PATH" "$TARGET/release/vonk" run examples/flights.py
