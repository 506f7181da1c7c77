# The root with its hash tree, and the kernel with the signed command line that names the root hash: one UKI, unsigned.
{ debian, root, kernel, version }:
debian.run {
  name = "holdfast-uki";
  tree = debian.tree "image";
  env = { inherit kernel version; rootfs = root; };
  script = ''
    mkdir "$out"
    # A fixed salt: the tree must be the same on every rebuild; the salt's use is against precomputed collisions only.
    salt=$(printf 'holdfast verity salt' | sha256sum | cut -d' ' -f1)
    veritysetup format "$rootfs/root.erofs" "$out/root.verity" --hash=sha256 --salt=$salt --data-block-size=4096 \
      --hash-block-size=4096 --uuid=00000000-0000-4000-8000-000000000001 > report
    hash=$(sed -n 's/^Root hash:[[:space:]]*//p' report)
    blocks=$(sed -n 's/^Data blocks:[[:space:]]*//p' report)
    uuid() { printf '%s' "$1" | sed -E 's/(.{8})(.{4})(.{4})(.{4})(.{12})/\1-\2-\3-\4-\5/'; }
    # Partition ids from the root hash, as the Discoverable Partitions Specification does: no other content can bear them.
    data=$(uuid "''${hash:0:32}") tree=$(uuid "''${hash:32:32}")
    cat > cmdline <<LINE
    dm-mod.create="root,,0,ro,0 $((blocks * 8)) verity 1 PARTUUID=$data PARTUUID=$tree 4096 4096 $blocks 1 sha256 $hash $salt 2 panic_on_corruption panic_on_error" dm-mod.waitfor=PARTUUID=$data,PARTUUID=$tree root=/dev/dm-0 rootfstype=erofs ro init=/usr/lib/systemd/systemd panic=10 mitigations=auto,nosmt page_alloc.shuffle=1 hardened_usercopy=1 sysctl.vm.memfd_noexec=2 sysctl.kernel.kptr_restrict=2 sysctl.kernel.yama.ptrace_scope=3 console=ttyS0,115200 systemd.import_credentials=no systemd.machine_id=firmware systemd.gpt_auto=no systemd.default_device_timeout_sec=30 holdfast.end
    LINE
    tr -d '\n' < cmdline | sed 's/^ *//; s/ *$//' > "$out/cmdline"
    [ $(stat -c %s "$out/cmdline") -lt 1500 ]
    printf '%s\n' "$hash" > "$out/roothash"
    printf '%s\n%s\n' "$data" "$tree" > "$out/partition-ids"
    printf 'ID=holdfast\nNAME=Holdfast\nVERSION_ID=%s\nPRETTY_NAME="Holdfast %s"\n' "$version" "$version" > os-release
    ukify build --linux="$kernel/bzImage" --cmdline=@"$out/cmdline" --os-release=@os-release --uname="$(cat "$kernel/release")" \
      --stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub --output="$out/holdfast.efi"
    echo "figure: UKI $(stat -c %s "$out/holdfast.efi") bytes, root hash $hash"
  '';
}
