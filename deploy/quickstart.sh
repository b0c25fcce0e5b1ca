#!/usr/bin/env bash
# From a fresh clone to a result: installs, builds, starts a cluster of its own, sends documents through the pipeline
# auto, and stops everything again. See --help.
# shellcheck disable=SC2317 # most functions are called by name, by step
set -euo pipefail

usage() {
  cat <<'TEXT'
Examples:
  ./deploy/quickstart.sh                  the copyright file of every installed package
  ./deploy/quickstart.sh ~/notes          the files of a folder, and of the folders in it
  ./deploy/quickstart.sh --serve          the same, and the cluster stays up until Ctrl-C
  ./deploy/quickstart.sh ~/notes --again  also the documents that are known, for one that failed or was changed back

Installs what is missing (apt-get), builds into build/, and keeps what it found in build/quickstart/: a second run knows
every document and does only those that changed. Remove that folder to begin anew.
TEXT
}

caller_folder=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/steps.sh
. deploy/steps.sh

refuse() {
  echo "$1; ./deploy/quickstart.sh --help shows all" >&2
  exit 2
}

documents_folder=
serve=0
again=()
for argument in "$@"; do
  case $argument in
    --serve) serve=1 ;;
    --again) again=(--again) ;;
    -h | --help) usage; exit 0 ;;
    -*) refuse "there is no option $argument" ;;
    '') refuse "the name of the folder is empty" ;;
    *) [ -z "$documents_folder" ] || refuse "only one folder can be given, not both $documents_folder and $argument"
      documents_folder=$argument ;;
  esac
done
if [ -n "$documents_folder" ]; then
  absolute=$documents_folder
  [ "${absolute:0:1}" = / ] || absolute=$caller_folder/$absolute
  [ -e "$absolute" ] || refuse "there is no folder $documents_folder"
  [ -d "$absolute" ] || refuse "$documents_folder is a file; name the folder that it is in"
  documents_folder=$(cd "$absolute" 2>/dev/null && pwd) || refuse "the folder $documents_folder cannot be entered"
fi

data=build/quickstart
temporary=$(mktemp -d /tmp/sluice-quickstart.XXXXXX)
cluster=
stop_cluster() {
  [ -n "$cluster" ] || return 0
  kill -TERM "$cluster" 2>/dev/null || true
  wait "$cluster" || true
  cluster=
}
# Ctrl-C: the cluster ends too, so "come back" means this command, once more.
interrupt() {
  if [ -n "$served" ]; then
    echo "interrupted: the cluster is stopped; what it found stays in $data"
  elif [ -n "$cluster" ]; then
    echo "interrupted: the cluster is stopped; the same command goes on with the documents that are left"
  fi
  exit 130
}
served=
trap 'stop_cluster; rm -rf "$temporary"' EXIT
trap interrupt INT
trap 'exit 129' HUP
trap 'exit 143' TERM

# Fills `documents`; the names are in the order of the shell.
find_documents() {
  if [ -n "$documents_folder" ]; then
    mapfile -d '' documents < <(LC_ALL=C find -L "$documents_folder" -mindepth 1 -name '.*' -prune -o -type f -print0 \
      2>"$temporary/unseen" | LC_ALL=C sort -z)
  else
    documents=(/usr/share/doc/*/copyright)
  fi
  step_word="${#documents[@]} files"
  [ "${#documents[@]}" -gt 0 ] && [ -e "${documents[0]}" ] && return 0
  echo "there is no document in ${documents_folder:-/usr/share/doc}; name a folder that has files"
  return 1
}

# Names the folders that could not be looked into. True when there is one: like a file that is skipped, it is worth an exit code.
warn_of_unseen() {
  grep -sv 'File system loop detected' "$temporary/unseen" | sed 's/^find: /warning: /; s/$/; skipped/' >&2
}

# Starts `sluice dev` and waits until it says on a pipe that it serves. Ctrl-C is not for it (setsid): it is told to stop
# once, when its clients have ended; a second word would make it hurry.
start_cluster() {
  mkdir -p "$data"
  mkfifo "$temporary/ready"
  setsid build/bin/sluice dev deploy/pipelines --data "$data" --listen ipc --workers 2 --policies deploy/policies.yaml \
    --ready-fd 3 3>"$temporary/ready" >"$data/cluster.log" 2>&1 &
  cluster=$!
  if read -r -t 60 SLUICE_BROKER <"$temporary/ready"; then
    export SLUICE_BROKER
    step_word="2 workers, data in $data"
    return 0
  fi
  cat "$data/cluster.log"
  echo "the cluster did not start; what it said stands above and in $data/cluster.log"
  return 1
}

# Submits every document as a job of its own and shows the progress; it closes with how many were new and how many known.
# The command runs more than once only when the names are too many for one; the first exit code that is not 0 counts.
submit_documents() {
  local LC_ALL=C first=0 next=0 size code outcome=0
  while [ "$first" -lt "${#documents[@]}" ] && [ "$outcome" -ne 130 ]; do
    size=0
    while [ "$next" -lt "${#documents[@]}" ] && [ $((size += ${#documents[next]} + 16)) -lt 1000000 ]; do
      next=$((next + 1))
    done
    code=0
    build/bin/sluice submit auto --watch "${again[@]}" --each "${documents[@]:first:next - first}" || code=$?
    [ "$outcome" -ne 0 ] || outcome=$code
    first=$next
  done
  return "$outcome"
}

print_result() {
  build/bin/sluice search --data "$data"
  printf '%-9s %s s\n' time "$(seconds_since "$began")"
}

# The commands are shown so that they work where the person stands.
print_next() {
  local here=
  [ "$caller_folder" = "$PWD" ] || here=$PWD/
  printf '%-9s %s\n' next "${here}build/bin/sluice search permission notice --data $here$data"
  printf '%-9s %s\n' '' "${here}build/bin/sluice search --like 'redistribution in source and binary forms' --limit 3 --data $here$data"
  printf '%-9s %s\n' '' "${here}build/bin/sluice pipelines graph ${here}deploy/pipelines/auto.yaml"
}

began=$EPOCHREALTIME
step "$temporary/step.log" "check the system" check_system
step "$temporary/step.log" "install what is missing" install_missing "${build_packages[@]}"
step "$temporary/step.log" "build into build/" build_preset default
step "$temporary/step.log" "find documents" find_documents
step "$temporary/step.log" "start a cluster" start_cluster

outcome=0
! warn_of_unseen || outcome=1
echo
submit_documents || outcome=$?
echo
print_result
print_next
if [ "$serve" -eq 1 ]; then
  printf '%-9s the cluster is up at %s; Ctrl-C stops it\n' serve "$SLUICE_BROKER"
  printf '%-9s SLUICE_BROKER=%s build/bin/sluice jobs list\n' "" "$SLUICE_BROKER" # another place than where commands look
  served=1
  wait "$cluster"
else
  step "$temporary/step.log" "stop everything" stop_cluster
fi
exit "$outcome"
