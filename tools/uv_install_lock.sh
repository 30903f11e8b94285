#!/usr/bin/env bash
# Installs a hashed lock by uv: UV LOCK, then arguments of `uv pip install`.
# aws-cdk-lib comes last: one of its modules, aws_cdk/cloud_assembly_schema, is in the wheel of
# aws-cdk.cloud-assembly-schema too, uv unpacks wheels in parallel, and only aws-cdk-lib's copy is complete.
set -euo pipefail
uv=$1
lock=$2
shift 2

tools=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$tools/lock_part.sh" "$lock" --without aws-cdk-lib >"$folder/first.txt"
"$tools/lock_part.sh" "$lock" aws-cdk-lib >"$folder/last.txt"

for part in first last; do
    # --no-deps: the lock is complete, with overrides that a resolver would refuse.
    "$uv" "$@" --quiet --compile-bytecode --require-hashes --no-deps -r "$folder/$part.txt"
done
