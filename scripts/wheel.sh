#!/usr/bin/env bash
# `make wheel`: a wheel with the release binary in dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh build python
.venv/bin/pip install -q 'maturin>=1.9,<2'
.venv/bin/maturin build --release --locked --manifest-path crates/cli/Cargo.toml --out dist
ls -l dist
