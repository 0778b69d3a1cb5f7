#!/usr/bin/env bash
# `make wheel`: a wheel with the release binary, in dist/. Tried in an empty environment when `try` is given.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
scripts/setup.sh build python
"$PYTHON" -m pip install -q --disable-pip-version-check 'maturin>=1.9,<2'
rm -rf dist
"$VENV/bin/maturin" build --release --locked --out dist
ls -l dist
if [ "${1:-}" = try ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  python3 -m venv "$folder/env"
  "$folder/env/bin/pip" install -q --disable-pip-version-check dist/vonk-*.whl
  cd "$folder"
  ./env/bin/vonk --version
  ./env/bin/python -c 'import vonk; print(vonk.session().range(3).collect())'
fi
