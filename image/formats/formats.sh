# The program behind `nix run .#formats`.
usage() {
  cat <<'HELP'
formats [OPTION...] [DIR]

  Writes the image as holdfast.qcow2 (QEMU, Proxmox, OpenStack), .vhd (Azure), .vmdk (VMware), .tar.gz (Google)
  and .iso (a virtual optical drive) into the folder DIR (default: holdfast-formats), opens each with tools of others,
  compares it with the raw image, and boots each once in QEMU under Secure Boot. Prints a figure for each.

  --image FILE   convert this image instead of the one that was built: the output of `nix run .#sign`, for a machine of
                 yours. Signatures go along; sign first, then convert. The boots still use the built image, signed with
                 throw-away keys, since only you can enrol yours.
  --no-boot      write and open only

  HOLDFAST_KVM=1 boots by KVM where it works; else QEMU emulates, a minute or more for each format.
  docs/image-formats.md says which format goes where.
HELP
}
fail() { echo "formats: $1" >&2; exit 2; }
image="$HOLDFAST_IMAGE" boot=1 folder=''
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --image) image="${2:-}"; [ -n "$image" ] || fail "--image wants a file"; shift ;;
    --no-boot) boot='' ;;
    -*) fail "unknown option $1; see --help" ;;
    *) [ -z "$folder" ] || fail "one folder only; see --help"; folder="$1" ;;
  esac
  shift
done
folder="${folder:-holdfast-formats}"
[ -r "$image" ] || fail "cannot read the image $image"
for name in qcow2 vhd vmdk tar.gz iso; do
  [ ! -e "$folder/holdfast.$name" ] || fail "$folder/holdfast.$name exists: name another folder, or move it away"
done
python3 "$HOLDFAST_FORMATS/convert.py" all "$image" "$folder"
if [ "$image" = "$HOLDFAST_IMAGE" ]; then
  cmp "$folder/SHA256SUMS" "$HOLDFAST_BUILT/SHA256SUMS" >&2 || fail "this machine writes other bits than the build did: report it with both SHA256SUMS"
  echo "figure: 5 formats, the same bits as in the build sandbox"
fi
bash -euo pipefail "$HOLDFAST_CHECK" "$image" "$folder"
[ -n "$boot" ] || exit 0

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
printf '#!/bin/bash\nexec bash -euo pipefail %s "$@"\n' "$sign" > "$work/sign"
chmod +x "$work/sign"
export HOLDFAST_SIGN="$work/sign" TMPDIR="$work"
echo "booting each format; every line is one of them" >&2
"$HOLDFAST_TESTS/boots_from_every_format" --include-ignored --nocapture --test-threads=1
