#!/usr/bin/env bash
# Sets up what a build and the tests need. Does nothing when everything is there.
#   setup.sh build     a C compiler, protoc and the mold linker (apt), Rust 1.94 or later is expected
#   setup.sh python    .venv: the published PySpark client, and what the example and the tests import
#   setup.sh spark     .venv-spark: Apache Spark 4.3 itself, for the scoreboards and for recording (with Java 17: its server too)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

apt_packages() {
  local missing=()
  command -v cc >/dev/null || missing+=(build-essential)
  command -v protoc >/dev/null || missing+=(protobuf-compiler)
  command -v mold >/dev/null || missing+=(mold)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [ ${#missing[@]} -gt 0 ]; then
    local sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq "${missing[@]}"
  fi
  command -v cargo >/dev/null || { echo "Rust is not installed: see https://rustup.rs, then run this again" >&2; exit 1; }
}

# $1: folder, $2: file of requirements. A stamp keeps a finished environment from being looked at again.
environment() {
  local stamp
  stamp=$1/.ready-$(cksum < "$2" | cut -d' ' -f1)
  [ -f "$stamp" ] && return
  python3 -m venv "$1"
  "$1/bin/python" -m pip install -q --disable-pip-version-check -r "$2"
  touch "$stamp"
}

[ $# -gt 0 ] || set -- build
for part in "$@"; do
  case $part in
    build) apt_packages ;;
    python) environment "$VENV" scripts/requirements.txt ;;
    spark) [ -n "${VONK_SPARK_VENV:-}" ] || environment .venv-spark scripts/requirements-spark.txt ;;
    *) echo "setup.sh: unknown part '$part'" >&2; exit 2 ;;
  esac
done
