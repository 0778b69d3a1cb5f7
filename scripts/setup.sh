#!/usr/bin/env bash
# Sets up what a build and the tests need: apt packages, and a Python environment in .venv.
# Does nothing when everything is there. Usage: scripts/setup.sh [build|python]...
set -euo pipefail
cd "$(dirname "$0")/.."

apt_packages() {
  local missing=()
  command -v protoc >/dev/null || missing+=(protobuf-compiler)
  command -v mold >/dev/null || missing+=(mold)
  [ ${#missing[@]} -eq 0 ] && return
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq "${missing[@]}"
}

# The client in the tests is the published one; its version is pinned, not the server's.
python_env() {
  local venv=${VONK_VENV:-.venv} stamp
  stamp=$(cksum scripts/requirements.txt | cut -d' ' -f1)
  [ -f "$venv/.ready-$stamp" ] && return
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r scripts/requirements.txt
  touch "$venv/.ready-$stamp"
}

for part in "${@:-build}"; do
  case $part in
    build) apt_packages ;;
    python) python_env ;;
    *) echo "setup.sh: unknown part '$part'" >&2; exit 2 ;;
  esac
done
