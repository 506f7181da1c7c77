# The power cut test with as many disks as wanted: `nix run .#power-cut`.
usage() {
  cat <<'HELP'
nix run .#power-cut [-- OPTIONS]

  Records every write of two runs of the machine in QEMU: the first boot, which makes the partition, and a later one. Makes the
  disks of many power cuts from them, each at a flush, with what was not flushed dropped, reordered or torn at a sector. Looks at
  each on the host (partition table, file system, the store opened by the real program, the pages fetched), and boots some. Then
  breaks disks on purpose and looks whether that is found.

  --disks N    how many disks (default 1000; ./check takes 30). Besides, one for each twenty is booted.
               From 200 on, a disk with a torn superblock is booted too, where there is one; from four times the flushes of a
               run on, the disk right behind each flush is judged as well
  --seed S     chooses among the cuts of the recording (default 1). The writes of two recordings differ, so that the same seed
               does not make the same disks again
  --logs DIR   keep the consoles, and each disk that failed

  Prints a line for each disk and what it held, and a line `figure: …` at the end.
  Exit status: 0 when nothing that was answered was lost and each broken disk was found, else 1; 2 for a wrong option.

  HOLDFAST_KVM=1            try KVM
  HOLDFAST_TIME_FACTOR=4    longer limits, for a slow or busy machine (default 2)
HELP
}
disks=1000 seed=1 logs="${HOLDFAST_LOGS:-}"
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --disks | --seed | --logs)
      [ $# -ge 2 ] || { echo "power-cut: $1 wants a value" >&2; usage >&2; exit 2; }
      case "$1" in --disks) disks="$2" ;; --seed) seed="$2" ;; --logs) logs="$2" ;; esac
      shift 2 ;;
    *) echo "power-cut: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
for number in "$disks" "$seed"; do
  case "$number" in
    '' | *[!0-9]*) echo "power-cut: \`$number\` is no whole number" >&2; exit 2 ;;
    ??????????*) echo "power-cut: $number is too large: give at most nine digits" >&2; exit 2 ;;
  esac
done
# Half of them for each recording, and none would be a run that finds nothing.
[ "$disks" -ge 2 ] || { echo "power-cut: $disks is too few: give two disks or more" >&2; exit 2; }
if [ -n "$logs" ]; then
  mkdir -p "$logs" || { echo "power-cut: cannot keep logs in $logs: name a folder that can be written to" >&2; exit 2; }
  HOLDFAST_LOGS="$(cd "$logs" && pwd)"
  export HOLDFAST_LOGS
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
printf '#!/bin/bash\nexec bash -euo pipefail %s "$@"\n' "$HOLDFAST_SIGN_SCRIPT" > "$work/sign"
mkdir "$work/bin"
# A closure of its own, so it runs by its own loader.
for program in debugfs e2fsck; do
  printf '#!/bin/bash\nexec %s/usr/lib64/ld-linux-x86-64.so.2 --library-path %s/usr/lib/x86_64-linux-gnu %s/usr/sbin/%s "$@"\n' \
    "$HOLDFAST_E2FSPROGS" "$HOLDFAST_E2FSPROGS" "$HOLDFAST_E2FSPROGS" "$program" > "$work/bin/$program"
done
chmod 755 "$work/sign" "$work/bin/"*
export PATH="$work/bin:$PATH"
export HOLDFAST_SIGN="$work/sign" TMPDIR="$work" HOLDFAST_TIME_FACTOR="${HOLDFAST_TIME_FACTOR:-2}"
export HOLDFAST_POWER_CUT_STATES="$disks" HOLDFAST_POWER_CUT_SEED="$seed"

echo "power-cut: recording two runs, a minute or two without a line; then $disks disks and some more" >&2
begin=$SECONDS
if "$HOLDFAST_TESTS/power_cut_loses_nothing_answered" --nocapture --test-threads=1 2>&1 | tee "$work/log" &&
  grep -q '^test result: ok\. 1 passed' "$work/log"; then
  echo "power-cut: nothing that was answered was lost, $((SECONDS - begin)) s" >&2
else
  echo "power-cut: FAILED after $((SECONDS - begin)) s: what was wrong stands above; --logs DIR keeps the disks that failed" >&2
  exit 1
fi
