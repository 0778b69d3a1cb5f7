#!/usr/bin/env bash
# `make lint`: formatting, clippy with the workspace's lints as errors, the layers, and licences where cargo-deny is there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh build
say "rustfmt"
cargo fmt --all --check
say "layers"
python3 scripts/layers.py
say "clippy"
cargo clippy --workspace --locked --no-deps -- -D warnings
if command -v cargo-deny >/dev/null; then
  say "cargo deny"
  cargo deny --workspace check licenses bans sources
fi
