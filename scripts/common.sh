# Sourced by the other scripts: where things are, and how loudly.
# In CI the target folder stands outside the clone, so that a warm machine does not build 430 crates again.
[ -z "${CI:-}" ] || export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vonk-target}
TARGET=${CARGO_TARGET_DIR:-$PWD/target}
VENV=${VONK_VENV:-.venv}
PYTHON=$VENV/bin/python
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto} PYTHONDONTWRITEBYTECODE=1
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

say() { printf '\n== %s (%s)\n' "$*" "$(date +%H:%M:%S)"; }

BINARY=(-p vonk-cli)
