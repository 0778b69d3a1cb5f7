#!/usr/bin/env bash
# `make lint`: formatting, clippy with the workspace's lints as errors, crate layering.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh build
cargo fmt --all --check
cargo clippy --workspace --locked --no-deps -- -D warnings
python3 scripts/layers.py
