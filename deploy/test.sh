#!/usr/bin/env bash
# Builds everything twice (plain, and with AddressSanitizer and UndefinedBehaviorSanitizer) and runs every test of both.
# The last line is the sum: N passed, N failed. See --help.
set -euo pipefail

usage() {
  cat <<'TEXT'
Examples:
  ./deploy/test.sh                      everything, in both builds
  ./deploy/test.sh --quick              the plain build, without the tests that take long: under three minutes
  ./deploy/test.sh --only '^model_'     only the test programs whose name the pattern finds
  ./deploy/test.sh --chaos 500          as many kills in the chaos test
  ./deploy/test.sh --seeds 20000        as many seeds in the simulator
  ./deploy/test.sh --bench              the full benchmark too

Installs what is missing (apt-get), builds into build-test/ and build-asan/, and keeps the output of each program in
test-logs/ there. Exit code 0 when at least one case passed and none failed.
TEXT
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
source_folder=$PWD
# shellcheck source=deploy/steps.sh
. deploy/steps.sh

quick=0
runner_options=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1; runner_options+=(--quick) ;;
    --bench) runner_options+=(--bench) ;;
    --chaos | --seeds)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "$1 needs a number, as in: $1 500" >&2; exit 2; }
      runner_options+=("$1" "$2"); shift ;;
    --only)
      [ -n "${2:-}" ] || { echo "--only needs a pattern, as in: --only '^model_'" >&2; exit 2; }
      runner_options+=(--only "$2"); shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "unknown option $1; ./deploy/test.sh --help shows all" >&2; exit 2 ;;
  esac
  shift
done

# Tests run README's commands, and this one is among them.
if [ -n "${SLUICE_TEST:-}" ]; then
  echo "deploy/test.sh was started by one of its own tests, and does not start itself again"
  exit 0
fi

# A short path: a unix socket's name holds 107 bytes, and tests make sockets below this folder.
temporary=$(mktemp -d /tmp/sluice-test.XXXXXX)
chmod 711 "$temporary" # tests that go on as another user must still find their files
runner=
# The shell would handle a signal only after the runner's end; the runner stops what it started and then ends.
stop_runner() {
  if [ -n "$runner" ]; then
    kill -TERM "$runner" 2>/dev/null || true
    wait "$runner" || true
  fi
  exit "$1"
}
trap 'rm -rf "$temporary"' EXIT
trap 'stop_runner 130' INT
trap 'stop_runner 143' TERM

# must NAME COMMAND...: a step without which there is nothing to test.
must() {
  step "$temporary/step.log" "$@" && return 0
  printf '%s: failed\n0 passed, 1 failed\n' "$1"
  exit 1
}

must "check the system" check_system
must "install what is missing" install_missing "${build_packages[@]}" "${test_packages[@]}"

mkdir -p build-test
exec 9>build-test/.lock
flock -n 9 || { echo "another deploy/test.sh is running in this checkout; wait for it, or use a clone" >&2; exit 1; }

# build PRESET OPTION FOLDER: adds the build in FOLDER to what the runner is told, as OPTION says it, or as broken.
builds=()
build() {
  local name="build (preset $1)"
  if step "$temporary/step.log" "$name" build_preset "$1"; then
    builds+=("$2" "$1=$source_folder/$3")
  else
    builds+=(--broken "$name")
  fi
}
build tests --build build-test
[ "$quick" -eq 1 ] || build sanitize --sanitized build-asan

# Debian's own interpreter, by its path: another one in PATH may not see Debian's modules.
/usr/bin/python3 tests/support/runner --source "$source_folder" --temporary "$temporary" \
  "${builds[@]}" "${runner_options[@]}" 9>&- &
runner=$!
wait "$runner"
