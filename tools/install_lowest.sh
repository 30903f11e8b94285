#!/usr/bin/env bash
# Installs requirements-lowest.txt, hashes checked, into a folder that goes on PYTHONPATH before the packages
# of the given Python.
set -euo pipefail
# Absolute, as uv runs in another folder; not resolved, as .venv/bin/python is a link.
python=$PWD/$1
target=$PWD/$2
lock=$PWD/requirements-lowest.txt

# From /, so that uv does not take up this project's overrides, which are not this lock's.
if ! tools/uv_install_lock.sh "$(dirname "$python")/uv" "$lock" \
    --directory / pip install --python "$python" --target "$target"; then
    echo "uv could not install the lock; trying pip" >&2
    "$python" -m pip install --quiet --disable-pip-version-check --target "$target" \
        --require-hashes --no-deps -r "$lock"
fi
