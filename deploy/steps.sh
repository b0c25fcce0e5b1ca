# shellcheck shell=bash disable=SC2034 # the lists are used by those who source this file
# What quickstart.sh and test.sh share by sourcing this file: the Debian packages that building and testing need (the
# Redis server program is part of redis-tools), installing what is missing of them, building, and a line for each step.

build_packages=(build-essential cmake ninja-build pkg-config libzmq3-dev libhiredis-dev libmsgpack-dev libyaml-dev
  libjansson-dev libsmartcols-dev libsqlite3-dev libpcre2-dev libxml2-dev libsodium-dev libisal-dev uthash-dev
  redis-tools)
test_packages=(libcriterion-dev python3 python3-jsonschema python3-msgpack python3-yaml python3-zmq shellcheck
  docker-compose universal-ctags)

# check_system: says in a sentence when this is no system that the scripts know.
check_system() {
  [ "$(uname -s)" = Linux ] || { echo "Sluice runs on Linux; this is $(uname -s)." >&2; return 1; }
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null && return 0
  echo "This script installs Debian packages, and there is no apt-get here. Use Debian 12, or install what" >&2
  echo "deploy/steps.sh lists by hand and build with: cmake --preset default && cmake --build --preset default" >&2
  return 1
}

# missing_packages NAME...: prints those that are not installed, one a line.
missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || echo "$name"
  done
}

# install_missing NAME...: installs what is missing, through sudo when not root, and leaves in step_word what it did.
install_missing() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    step_word="nothing is missing"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "not installed: ${missing[*]}. As root, run: apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    }
    as_root=(sudo)
  fi
  if "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"; then
    step_word="installed ${missing[*]}"
    return 0
  fi
  echo "apt-get could not install ${missing[*]}; its last lines stand above. Is there a network?" >&2
  return 1
}

# build_preset NAME: configures and builds it, as far as that is not done yet.
build_preset() {
  cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)"
}

# step LOG NAME COMMAND...: runs it in this shell, with its name before and a word (ok, or what the command left in
# step_word) and the time after. What it prints goes to LOG, whose end is shown when it fails; then it returns 1.
step() {
  local log=$1 name=$2 began=$EPOCHREALTIME word
  shift 2
  step_word=
  printf '%-26s ' "$name"
  "$@" >"$log" 2>&1 && word=${step_word:-ok} || word=failed
  printf '%s  %s s\n' "$word" "$(seconds_since "$began")"
  [ "$word" != failed ] || { tail -n 200 "$log"; return 1; }
}

# seconds_since BEGAN: the seconds since then, with one decimal; BEGAN is an earlier $EPOCHREALTIME.
seconds_since() {
  local tenths=$(((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}
