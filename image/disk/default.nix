# The disk: GPT with the ESP, the root and its hash tree in slot A, room for slot B. The data partition is made on first
# boot behind them, on a disk that the operator makes as large as wanted.
{ debian, root, uki, version }:
debian.run {
  name = "holdfast-image";
  tree = debian.tree "image";
  env = { inherit uki version; rootfs = root; };
  script = ''
    # Layout in MiB. Slot B is reserved by entries called `_empty`, as systemd-sysupdate does.
    esp=64 slot=96 hashes=4
    mapfile -t ids < "$uki/partition-ids"
    [ $(stat -c %s "$rootfs/root.erofs") -le $((slot << 20)) ] && [ $(stat -c %s "$uki/root.verity") -le $((hashes << 20)) ]
    mkdir "$out"
    truncate -s $((1 + esp + 2 * (slot + hashes) + 1))M "$out/disk.img"
    sfdisk --quiet "$out/disk.img" <<TABLE
    label: gpt
    label-id: 00000000-0000-4000-8000-000000000010
    unit: sectors
    first-lba: 2048
    start=1MiB, size=''${esp}MiB, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, uuid=00000000-0000-4000-8000-000000000011, name="esp"
    size=''${slot}MiB, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, uuid=''${ids[0]}, name="root-$version", attrs="GUID:60"
    size=''${hashes}MiB, type=2c7357ed-ebd2-46d9-aec1-23d437ec2bf5, uuid=''${ids[1]}, name="hash-$version", attrs="GUID:60"
    size=''${slot}MiB, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, uuid=00000000-0000-4000-8000-000000000014, name="_empty", attrs="GUID:60"
    size=''${hashes}MiB, type=2c7357ed-ebd2-46d9-aec1-23d437ec2bf5, uuid=00000000-0000-4000-8000-000000000015, name="_empty", attrs="GUID:60"
    TABLE
    # FAT: fixed volume id, mkfs without the clock, files added in one order; mtools takes SOURCE_DATE_EPOCH for the times.
    truncate -s ''${esp}M esp.img
    mkfs.fat -F 32 -i 484f4c44 -n HOLDFASTESP --invariant esp.img > /dev/null
    export MTOOLS_SKIP_CHECK=1
    mmd -i esp.img ::/EFI ::/EFI/BOOT
    cp --no-preserve=mode "$uki/holdfast.efi" BOOTX64.EFI
    touch -d @"$SOURCE_DATE_EPOCH" BOOTX64.EFI
    mcopy -m -i esp.img BOOTX64.EFI ::/EFI/BOOT/BOOTX64.EFI
    place() { dd if="$1" of="$out/disk.img" bs=1M seek="$2" conv=notrunc,sparse status=none; }
    place esp.img 1
    place "$rootfs/root.erofs" $((1 + esp))
    place "$uki/root.verity" $((1 + esp + slot))
    cp "$rootfs/manifest.tsv" "$uki/roothash" "$uki/cmdline" "$out"/
    echo "figure: disk $(sha256sum < "$out/disk.img" | cut -d' ' -f1)"
  '';
}
