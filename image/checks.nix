# The checks beyond the crates' own: what the image holds, what a change rebuilds, and the machine itself in QEMU.
{ debian, rust, root, uki, image, lab, kernel, machineTree, docs, formats }:
let
  tests = import ./vm-tests.nix { inherit rust; };

  # What single files need beyond what all have.
  further = {
    boots_from_every_format.HOLDFAST_FORMATS = formats.writers;
    hung_parts_are_started_again.HOLDFAST_LAB_IMAGE = "${lab}/disk.img";
    power_cut_loses_nothing_answered.e2fsprogs = debian.tree "root";
    crafted_data_runs_nothing = {
      HOLDFAST_LAB_IMAGE = "${lab}/disk.img";
      e2fsprogs = debian.tree "root";
    };
  };

  # One check for each test file; all claims of a file run in it, one machine after the other.
  vm = name: test: debian.run {
    name = "vm-${name}";
    tree = machineTree;
    env = {
      inherit tests test;
      HOLDFAST_IMAGE = "${image}/disk.img";
      HOLDFAST_BIN = "${rust.appliance}/bin/holdfast";
      HOLDFAST_SITE = docs;
      HOLDFAST_OVMF = "/usr/share/OVMF";
      # Two machines and other builds may share two cores, without hardware virtualisation.
      HOLDFAST_TIME_FACTOR = "2";
      HOLDFAST_KERNEL = "${kernel}/bzImage";
      sign = ./sign/sign.sh;
    } // (further.${test} or { });
    script = ''
      # What a closure other than the machine's has runs by its own loader.
      mkdir bin
      if [ -n "''${e2fsprogs:-}" ]; then
        for program in debugfs e2fsck; do
          printf '#!/bin/bash\nexec %s/usr/lib64/ld-linux-x86-64.so.2 --library-path %s/usr/lib/x86_64-linux-gnu %s/usr/sbin/%s "$@"\n' \
            "$e2fsprogs" "$e2fsprogs" "$e2fsprogs" "$program" > "bin/$program"
          chmod +x "bin/$program"
        done
        export PATH="$PWD/bin:$PATH"
      fi
      printf '#!/bin/bash\nexec bash -euo pipefail %s "$@"\n' "$sign" > sign
      chmod +x sign
      export HOLDFAST_SIGN="$PWD/sign" TMPDIR="$PWD"
      "$tests/$test" --nocapture --test-threads=1 2>&1 | tee log
      grep -q '^test result: ok\. [1-9]' log
      echo "figure: $(sed -n 's/.*figure: //p' log | paste -sd';' | sed 's/;/; /g'), $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };

  byFile = builtins.listToAttrs (map
    (file: rec {
      value = vm (builtins.replaceStrings [ "_" ] [ "-" ] test) test;
      test = builtins.head (builtins.match "(.*)\\.rs" file);
      name = "vm-${builtins.replaceStrings [ "_" ] [ "-" ] test}";
    })
    (builtins.filter (file: builtins.match ".*\\.rs" file != null) (builtins.attrNames (builtins.readDir ../vm-tests/tests))));
  # A test with more cases than a check runs, for the host.
  onHost = name: script: import ./app.nix {
    inherit debian name script;
    tree = machineTree;
    env = {
      HOLDFAST_TESTS = tests;
      HOLDFAST_IMAGE = "${image}/disk.img";
      HOLDFAST_BIN = "${rust.appliance}/bin/holdfast";
      HOLDFAST_SITE = docs;
      HOLDFAST_OVMF = "/usr/share/OVMF";
      HOLDFAST_KERNEL = "${kernel}/bzImage";
      HOLDFAST_SIGN_SCRIPT = ./sign/sign.sh;
      HOLDFAST_LAB_IMAGE = "${lab}/disk.img";
      HOLDFAST_E2FSPROGS = debian.tree "root";
    };
  };
  # The whole tamper matrix, cases that no check runs included: `nix run .#tamper`.
  tamper = onHost "tamper" ./run/tamper.sh;
  # As many power cuts as wanted: `nix run .#power-cut`.
  power-cut = onHost "power-cut" ./run/power-cut.sh;
in
{
  inherit tests tamper power-cut;
  checks = {
    kernel-hardening = import ./hardening/kernel.nix { inherit debian kernel uki; };
    unit-scores = import ./hardening/units.nix { inherit debian root; };
    formats = formats.check;

    sign = debian.run {
      name = "sign";
      tree = machineTree;
      env = { inherit image; sign = ./sign/sign.sh; test = ./sign/test.sh; };
      script = ". $test";
    };

    # The image holds what the committed summary says and nothing else: growth is a decision.
    image-manifest = debian.run {
      name = "image-manifest";
      tree = debian.tree "image";
      env = { rootfs = root; summary = ./root/summary.txt; };
      script = ''
        manifest="$rootfs/manifest.tsv"
        {
          echo "# program, library: every ELF file. dir: every empty directory, for a mount. file, link: how many. Written by the check image-manifest."
          awk -F'\t' '$1 == "program" || $1 == "library" || $1 == "dir" { split($3, mode, " "); print $1, $2, mode[1] }' "$manifest"
          for kind in file link; do echo "$kind $(grep -c "^$kind" "$manifest")"; done
        } > found
        diff -u "$summary" found || { echo "the image is not what image/root/summary.txt says; if the change is meant, commit the lines above"; exit 1; }
        awk -F'\t' '$1 != "link" { split($3, m, " "); if (m[1] ~ /^[1-7]...$/) { print "setuid, setgid or sticky: " $2; bad = 1 } } END { exit bad }' "$manifest"
        if grep -E '	/usr/(s?bin|lib/systemd)/(sh|bash|dash|busybox|python[0-9.]*|perl|agetty|login|su|sudo|sshd|modprobe|insmod|apt|dpkg)	' "$manifest"; then echo "forbidden program"; exit 1; fi
        [ "$(grep -c ^program "$manifest")" -le 20 ] || { echo "more than 20 programs"; exit 1; }
        [ $(stat -c %s "$rootfs/root.erofs") -le $((24 << 20)) ] || { echo "the root is larger than 24 MiB"; exit 1; }
        echo "figure: root $(stat -c %s "$rootfs/root.erofs") bytes, $(grep -c ^program "$manifest") programs, $(grep -c ^library "$manifest") libraries, 0 setuid, 0 shells, $(( $(date +%s) - begin )) s"
        touch "$out"
      '';
    };
  } // byFile;
}
