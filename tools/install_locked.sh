#!/usr/bin/env bash
# Installs requirements-dev.txt, hashes checked, and this project into the given Python.
# uv takes a third of pip's time; if uv can't reach the index, pip is used.
set -euo pipefail
python=$1
lock=requirements-dev.txt
quiet=(--quiet --disable-pip-version-check)

part=$(mktemp)
trap 'rm -f "$part"' EXIT
tools/lock_part.sh "$lock" uv >"$part"
"$python" -m pip install "${quiet[@]}" --require-hashes --no-deps -r "$part"

if ! tools/uv_install_lock.sh "$(dirname "$python")/uv" "$lock" pip install --python "$python"; then
    echo "uv could not install the lock; trying pip" >&2
    "$python" -m pip install "${quiet[@]}" --require-hashes --no-deps -r "$lock"
    tools/lock_part.sh "$lock" aws-cdk-lib >"$part"  # last, see tools/uv_install_lock.sh
    "$python" -m pip install "${quiet[@]}" --require-hashes --no-deps --force-reinstall -r "$part"
fi
"$python" -m pip install "${quiet[@]}" --no-deps --no-build-isolation --no-index --editable .
