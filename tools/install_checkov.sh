#!/usr/bin/env bash
# Installs requirements-checkov.txt, hashes checked, into a separate environment.
set -euo pipefail
python=$1
target=$2
lock=requirements-checkov.txt

echo "installing checkov into $target"
"$python" -m venv --clear "$target"
uv=("$(dirname "$python")/uv" pip install --quiet --python "$target/bin/python")
if ! "${uv[@]}" --require-hashes --no-deps -r "$lock"; then
    echo "uv could not install the lock; trying pip" >&2
    "$target/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$lock" || {
        rm -rf "$target"
        echo "error: checkov cannot be installed from requirements-checkov.txt, so its checks did not run:" \
            "the package index must offer its hundred packages" >&2
        exit 1
    }
fi
