#!/usr/bin/env bash
# Prints what a lock says of one package, its hashes too: LOCK NAME.
set -euo pipefail
awk -v name="$2==" '/^[^ #]/ {on = index($0, name) == 1} on' "$1"
