#!/usr/bin/env bash
# Prints the lines of a lock for one package, hashes included: LOCK NAME. Or of all others: LOCK --without NAME.
set -euo pipefail
lock=$1
shift
without=0
if [ "$1" = --without ]; then
    without=1
    shift
fi
awk -v name="$1==" -v without="$without" '/^[^ #]/ {on = (index($0, name) == 1) != without} on' "$lock"
