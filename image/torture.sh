# Inside the pinned tree: what `nix run .#torture` does. Needs no root.
usage() {
  cat <<'HELP'
nix run .#torture -- [OPTIONS]

Runs the real program under mixed operations (push, activate, roll back, enrol, revoke, new keys, people), kills it at random moments,
also while it starts, and looks whether all that was answered is there, whole. One seed is one appliance that dies at least three
times; a seed takes some two seconds of one processor.

  --seeds N    how many (default 2000)
  --from N     the first of them (default 1000, behind those that ./check runs)

A seed that fails is told with what was lost and with the folder that keeps its store. It ends with 1 then; run that seed again with
--from SEED --seeds 1, and add it to appliance/holdfast/tests/appliance/torture/failed.txt.
HELP
}
seeds=2000 from=1000
while [ $# -gt 0 ]; do
  case "$1" in
    --seeds) seeds="${2:?--seeds wants a number}"; shift ;;
    --from) from="${2:?--from wants a number}"; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "torture: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
for number in "$seeds" "$from"; do
  case "$number" in '' | *[!0-9]*) echo "torture: $number is no number" >&2; usage >&2; exit 2 ;; esac
done
export HOLDFAST_TORTURE_SEEDS="$seeds" HOLDFAST_TORTURE_FROM="$from"
exec "$HOLDFAST_TORTURE" --exact torture::nothing_answered_is_lost_when_the_process_is_killed --nocapture
