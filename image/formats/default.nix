# The image in the formats of clouds and hypervisors; a check that they are the same bits again; `nix run .#formats`.
{ debian, rust, image, appliance, kernel, docs, machineTree }:
let
  # The writers alone: a change of what stands beside them makes no image anew.
  writers = builtins.path {
    name = "formats";
    path = ./.;
    filter = path: _: builtins.match ".*\\.py" path != null;
  };

  formats = debian.run {
    name = "holdfast-formats";
    tree = machineTree;
    env = { inherit writers image; };
    script = ''
      python3 $writers/convert.py all "$image/disk.img" "$out"
      echo "figure: $(ls "$out" | grep -c holdfast) formats, $(( $(date +%s) - begin )) s"
    '';
  };
in
{
  inherit writers formats;

  # Written again where much is different, then opened by tools of others.
  check = debian.run {
    name = "formats";
    tree = machineTree;
    env = { inherit writers image formats; check = ./check.sh; };
    script = ''
      mkdir -p elsewhere/deeper
      # No holes, another name, another time, and a place that was full before.
      cp --sparse=never --no-preserve=all "$image/disk.img" elsewhere/deeper/renamed.bin
      (cd elsewhere && seq 1000000 > holdfast.vhd && cp holdfast.vhd holdfast.iso)
      (
        cd elsewhere
        umask 077
        export TZ=Pacific/Chatham PYTHONUTF8=0 HOME=/nowhere PYTHONHASHSEED=17 TMPDIR="$PWD/deeper" PYTHONIOENCODING=latin-1
        python3 -B -W error $writers/convert.py all deeper/renamed.bin .
      )
      for file in $(ls "$formats"); do
        cmp "$formats/$file" "elsewhere/$file" || { echo "$file differs when it is written again"; exit 1; }
      done
      rm -r elsewhere
      # What is no image, or a damaged one, is refused, and nothing is written.
      cp --no-preserve=all "$image/disk.img" damaged.img
      printf X | dd of=damaged.img bs=1 seek=1030 conv=notrunc status=none
      truncate -s 1M nothing.img
      for wrong in damaged nothing; do
        if python3 $writers/convert.py all $wrong.img refused 2> message; then echo "$wrong.img is converted"; exit 1; fi
        grep -q 'partition table' message && [ ! -e refused ] || { cat message; exit 1; }
      done
      rm damaged.img
      bash -euo pipefail $check "$image/disk.img" "$formats"
      echo "figure: $(ls "$formats" | grep -c holdfast) formats, each the same bits when written again and opened by qemu-img, tar or sfdisk, $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };

  app = import ../app.nix {
    inherit debian;
    name = "formats";
    tree = machineTree;
    script = ./formats.sh;
    env = {
      HOLDFAST_FORMATS = writers;
      HOLDFAST_BUILT = formats;
      HOLDFAST_CHECK = ./check.sh;
      HOLDFAST_TESTS = import ../vm-tests.nix { inherit rust; };
      HOLDFAST_IMAGE = "${image}/disk.img";
      HOLDFAST_BIN = "${appliance}/bin/holdfast";
      HOLDFAST_SITE = docs;
      HOLDFAST_OVMF = "/usr/share/OVMF";
      HOLDFAST_KERNEL = "${kernel}/bzImage";
      sign = ../sign/sign.sh;
      SOURCE_DATE_EPOCH = toString debian.lock.source_date_epoch;
    };
  };
}
