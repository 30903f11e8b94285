#!/usr/bin/env bash
# Installs requirements-lowest.txt, hashes checked, into a folder that goes on PYTHONPATH before the packages
# of the given Python.
set -euo pipefail
python=$1
target=$2
lock=requirements-lowest.txt

if ! tools/uv_install_lock.sh "$(dirname "$python")/uv" "$lock" pip install --python "$python" --target "$target"; then
    echo "uv could not install the lock; trying pip" >&2
    "$python" -m pip install --quiet --disable-pip-version-check --target "$target" \
        --require-hashes --no-deps -r "$lock"
fi
