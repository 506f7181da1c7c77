# The tamper matrix: what the machine does whose disk, keys or configuration somebody has changed.
usage() {
  cat <<'HELP'
nix run .#tamper [-- WORD...]

  Boots the image in QEMU once and more for every case of the matrix: each kind of byte of the EFI system partition, the UKI, the
  command line, the root, its hash tree, the partition table, the stored data and the configuration disk is changed; Secure Boot
  is off; the keys are others; a second disk claims to be ours. Prints what the machine did, and a table at the end.

  WORD...      only cases whose file or name holds one of these words
  --list       the cases, without a run

  ./check runs one case of each claim; this runs all. Without hardware virtualisation about an hour on two cores.
  Exit status: 0 when each machine did what it must, else 1.

  HOLDFAST_KVM=1            try KVM
  HOLDFAST_TIME_FACTOR=4    longer limits, for a slow or busy machine (default 2)
  HOLDFAST_LOGS=FOLDER      keep each console
HELP
}
list='' words=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --list) list=1 ;;
    -*) echo "tamper: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) words+=("$1") ;;
  esac
  shift
done
files=(refuses_unsigned_altered_and_foreign_signed_uki flipped_byte_is_stopped data_partition crafted_data_runs_nothing refuses_wrong_configuration)
for program in "$HOLDFAST_TESTS"/tamper_*; do files+=("${program##*/}"); done

cases=()
for file in "${files[@]}"; do
  while IFS= read -r name; do
    chosen=
    [ ${#words[@]} -gt 0 ] || chosen=1
    for word in "${words[@]}"; do if [[ "$file $name" == *"$word"* ]]; then chosen=1; fi; done
    [ -z "$chosen" ] || cases+=("$file $name")
  done < <("$HOLDFAST_TESTS/$file" --list --format terse | sed -n 's/: test$//p')
done
[ ${#cases[@]} -gt 0 ] || { echo "tamper: no case holds ${words[*]}; \`nix run .#tamper -- --list\` shows them all" >&2; exit 2; }
if [ -n "$list" ]; then printf '%s\n' "${cases[@]}"; exit 0; fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
printf '#!/bin/bash\nexec bash -euo pipefail %s "$@"\n' "$HOLDFAST_SIGN_SCRIPT" > "$work/sign"
mkdir "$work/bin"
# A closure of its own, so it runs by its own loader.
printf '#!/bin/bash\nexec %s/usr/lib64/ld-linux-x86-64.so.2 --library-path %s/usr/lib/x86_64-linux-gnu %s/usr/sbin/debugfs "$@"\n' \
  "$HOLDFAST_E2FSPROGS" "$HOLDFAST_E2FSPROGS" "$HOLDFAST_E2FSPROGS" > "$work/bin/debugfs"
chmod 755 "$work/sign" "$work/bin/debugfs"
export PATH="$work/bin:$PATH"
export HOLDFAST_SIGN="$work/sign" TMPDIR="$work" HOLDFAST_TIME_FACTOR="${HOLDFAST_TIME_FACTOR:-2}"
table="$work/table" failed=0 number=0
for one in "${cases[@]}"; do
  file="${one%% *}" name="${one#* }" number=$((number + 1)) begin=$SECONDS
  echo "[$number of ${#cases[@]}] $file: $name" >&2
  if "$HOLDFAST_TESTS/$file" --include-ignored --exact "$name" --nocapture --test-threads=1 > "$work/log" 2>&1 && grep -q '^test result: ok\. 1 passed' "$work/log"; then
    verdict=passed
  else
    verdict=FAILED failed=$((failed + 1))
    tail -n 60 "$work/log" >&2
  fi
  seen="$(sed -n 's/.*figure: //p' "$work/log" | paste -sd';' | sed 's/;/; /g' | cut -c 1-160)"
  printf '%-6s  %4d s  %-64s  %s\n' "$verdict" "$((SECONDS - begin))" "$name" "$seen" | tee -a "$table" >&2
done
echo
sort -s -k1,1 "$table"
echo
echo "$((number - failed)) of $number cases: the machine did what it must; $failed did not"
[ "$failed" = 0 ]
