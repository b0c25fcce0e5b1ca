#!/bin/sh
# Runs the simulator over its seeds: seeds.sh SIM COUNT. SLUICE_SEEDS (deploy/test.sh --seeds) says another count; with
# SLUICE_QUICK a hundred are enough.
set -eu
count=${SLUICE_SEEDS:-${SLUICE_QUICK:+100}}
exec "$1" --seeds "1..${count:-$2}" --quiet
