# Open each format with tools that others wrote, and compare what is in it with the raw image. Prints a figure for each.
#   check.sh RAW FOLDER     FOLDER: from `convert.py all`
raw="$1" folder="$2"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
fail() { echo "formats: $1" >&2; exit 1; }
size() { stat -c %s "$1"; }
figure() { echo "figure: $1 $(size "$2") bytes, $(du -B1 "$2" | cut -f1) on the disk, SHA-256 $(sha256sum < "$2" | cut -d' ' -f1), $3"; }
same() { # format file
  qemu-img compare -q -f "$1" -F raw "$2" "$raw" || fail "$2 does not hold the raw image"
}
(cd "$folder" && sha256sum --quiet -c SHA256SUMS) || fail "a file in $folder is not what SHA256SUMS says: convert again"

qemu-img check -q -f qcow2 "$folder/holdfast.qcow2"
same qcow2 "$folder/holdfast.qcow2"
figure qcow2 "$folder/holdfast.qcow2" "checked, equal"

qemu-img info -f vpc --output=json "$folder/holdfast.vhd" > "$scratch/vhd.json"
length="$(jq '."virtual-size"' "$scratch/vhd.json")"
[ $((length % (1 << 20))) = 0 ] && [ $((length + 512)) = "$(size "$folder/holdfast.vhd")" ] || fail "the VHD is not a whole number of MiB and a footer, as Azure wants it"
same vpc "$folder/holdfast.vhd"
figure VHD "$folder/holdfast.vhd" "fixed, $((length >> 20)) MiB and a footer, equal"

qemu-img check -q -f vmdk "$folder/holdfast.vmdk"
[ "$(qemu-img info -f vmdk --output=json "$folder/holdfast.vmdk" | jq -r '."format-specific".data."create-type"')" = streamOptimized ] || fail "the VMDK is not streamOptimized"
same vmdk "$folder/holdfast.vmdk"
figure VMDK "$folder/holdfast.vmdk" "streamOptimized, checked, equal"

# The pinned tools have no gzip; GNU tar unpacks the sparse member.
cp "$folder/holdfast.tar.gz" "$scratch/gce.tar.gz"
python3 -m gzip -d "$scratch/gce.tar.gz"
[ "$(tar -tf "$scratch/gce.tar")" = disk.raw ] || fail "the archive for Google holds something else than disk.raw"
tar -xf "$scratch/gce.tar" -C "$scratch"
[ $(($(size "$scratch/disk.raw") % (1 << 30))) = 0 ] || fail "disk.raw is not a whole number of GiB, as Google wants it"
same raw "$scratch/disk.raw"
figure "Google's archive" "$folder/holdfast.tar.gz" "unpacked by tar to $(($(size "$scratch/disk.raw") >> 30)) GiB, equal"
rm -f "$scratch/disk.raw" "$scratch/gce.tar"

# As a disk and as a disc: the same partitions, with the raw image's ids and content.
iso="$folder/holdfast.iso"
partitions() { # file sector: id, first byte, length
  sfdisk --sector-size "$2" --json "$1" 2> /dev/null \
    | jq -r --argjson sector "$2" '.partitiontable.partitions[] | select(.name != "_empty") | "\(.uuid) \(.start * $sector) \(.size * $sector)"'
}
partitions "$raw" 512 > "$scratch/wanted"
[ "$(wc -l < "$scratch/wanted")" = 3 ] || fail "the raw image has not three partitions"
for sector in 512 2048; do
  partitions "$iso" $sector | diff - "$scratch/wanted" || fail "the disc's table for sectors of $sector bytes is not the raw image's"
  sfdisk --sector-size $sector --verify "$iso" > "$scratch/verify" 2>&1 && ! grep -iE 'corrupt|mismatch|overlap' "$scratch/verify" || { cat "$scratch/verify" >&2; fail "sfdisk finds a fault in the disc's table for sectors of $sector bytes"; }
done
while read -r _ first length; do
  cmp -i "$first" -n "$length" "$raw" "$iso" || fail "a partition of the disc differs"
done < "$scratch/wanted"
wipefs --no-act --json "$iso" | jq -e '[.signatures[] | select(.type == "iso9660" and .label == "HOLDFAST")] | length == 1' > "$scratch/label" || fail "the disc's file system is not seen"
qemu-img info -f raw "$iso" > "$scratch/iso"
figure ISO "$iso" "the same partitions in sectors of 512 and 2048, equal"
