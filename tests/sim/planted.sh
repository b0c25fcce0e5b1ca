#!/bin/sh
# Every planted bug is caught by a named invariant within 2,000 seeds, and what is released knows none of them:
# planted.sh SIM SIM_BUGS RELEASED_FILE...
set -eu
sim=$1 bugs=$2
shift 2
failed=0
for bug in 1 2 3 4 8 14 17 23 26 36; do
    out=$("$bugs" --seeds 1..2000 --once --quiet --bug "$bug" || true)
    printf '%s\n' "$out" | cut -c1-150
    case $out in
    *"caught by I"[0-9]*) ;;
    *) echo "bug $bug was not caught by a named invariant" && failed=1 ;;
    esac
done
if "$sim" --seed 1 --bug 1 >/dev/null 2>&1; then echo "the plain simulator takes --bug" && failed=1; fi
for file in "$@"; do
    test -e "$file" || continue
    if nm "$file" 2>/dev/null | grep -E ' (renumber|forget_tries|count_again)$'; then echo "$file holds a planted bug" && failed=1; fi
    if strings "$file" | grep -x 'forgotten'; then echo "$file holds a planted bug" && failed=1; fi
done
nm "$bugs" | grep -q ' renumber$' || { echo "the look for symbols finds nothing where it should" && failed=1; }
strings "$bugs" | grep -qx 'forgotten' || { echo "the look for strings finds nothing where it should" && failed=1; }
exit $failed
