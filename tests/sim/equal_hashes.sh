#!/bin/sh
# Runs the first 100 seeds in two builds of the simulator and compares every trace hash: equal_hashes.sh SIM SANITIZED_SIM
set -eu
one=$(mktemp) && two=$(mktemp)
trap 'rm -f "$one" "$two"' EXIT
"$1" --seeds 1..100 --once --quiet --hashes >"$one"
"$2" --seeds 1..100 --once --quiet --hashes --plain >"$two"
diff "$one" "$two"
test "$(grep -c . "$one")" -eq 101
