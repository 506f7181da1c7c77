# A second build of everything under other conditions, and the comparison of the two. Each recipe is the one that made the
# image; only the world around it is another one (vary.sh).
# `built`: what was made first. `config`, `units`: as image/outputs.nix has them.
{ debian, version, config, units, built }:
let
  parts = [ "appliance" "root" "uki" "image" ];
  otherworld = debian.run {
    name = "holdfast-otherworld";
    tree = debian.tree "rust";
    env.code = ./otherworld.c;
    script = ''
      mkdir "$out"
      gcc -O1 -Wall -Werror -shared -fPIC -o "$out/otherworld.so" "$code" -ldl
      # It does what it says, or every comparison below would prove nothing.
      mkdir seen && touch seen/1 seen/2 seen/3
      export HOLDFAST_CLOCK_SHIFT=34585297
      now=$(date +%s)
      [ $(( $(LD_PRELOAD="$out/otherworld.so" date +%s) - now )) -ge 34585297 ]
      [ "$(find seen -type f)" != "$(LD_PRELOAD="$out/otherworld.so" find seen -type f)" ]
      echo "figure: another clock and another order of directories"
    '';
  };

  # `keep`: names of derivations that stay as they were built first.
  world = { keep, cores, ... }: debian // {
    run = { name, tree, script, env ? { } }@arguments:
      if builtins.elem name keep then debian.run arguments
      else debian.busybox {
        inherit name;
        script = ./vary.sh;
        env = {
          inherit tree script otherworld cores;
          ordinary = ../debian/build.sh;
          enter = ../debian/enter.sh;
          SOURCE_DATE_EPOCH = toString debian.lock.source_date_epoch;
          passAsFile = [ "script" ];
          # Cargo's dependencies are fresh only at their old place, and the vendored crates are named in flags.
          inputs = builtins.filter (key: builtins.elem key [ "debian" "units" "rootfs" "uki" "source" "manifests" "config" "kernel" ])
            (builtins.attrNames env);
          elsewhere = if env ? preamble then "0" else "1";
        } // env;
      };
  };

  build = options:
    let
      debian = world options;
      rust = import ../rust.nix { inherit debian; };
      kernel = if options.kernel == null then import ../kernel.nix { inherit debian config; } else options.kernel;
      # A binary that differs is named once; what follows from it would only repeat that.
      appliance = if options.same then built.appliance else rust.appliance;
      root = import ../root { inherit debian version appliance units; };
      uki = import ../disk/verity.nix { inherit debian root kernel version; };
      image = import ../disk { inherit debian root uki version; };
    in
    { inherit kernel root uki image; inherit (rust) appliance; };

  # Against the same dependencies and kernel: minutes.
  second = build { keep = [ "holdfast-dependencies" ]; cores = "1"; kernel = built.kernel; same = true; };
  # Everything: as long as the first build.
  everything = build { keep = [ ]; cores = "3"; kernel = null; same = false; };

  compare = builtins.path { name = "compare"; path = ./compare; };
in
{
  inherit second everything;

  # `compare BUILT SIGNED [--all]`, with the pinned mtools and erofs-utils; `reproduce` builds, then calls it.
  compare = import ../app.nix {
    inherit debian;
    name = "compare";
    tree = debian.tree "image";
    script = ./compare.sh;
    env.HOLDFAST_COMPARE = compare;
  };

  # Does `compare` name what differs? On an image signed with a throw-away key.
  names = debian.run {
    name = "reproduce";
    tree = debian.tree "image";
    env = {
      inherit compare;
      inherit (built) image;
      test = ./test.py;
      signed = debian.run {
        name = "throw-away-signed";
        tree = debian.tree "machine";
        env = { inherit (built) image; sign = ../sign/sign.sh; };
        script = ''
          openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=Throw-away" -keyout key.pem -out cert.pem 2> /dev/null
          mkdir "$out"
          bash -euo pipefail "$sign" --key key.pem --cert cert.pem "$image/disk.img" "$out/signed.img"
        '';
      };
    };
    script = ''
      PYTHONDONTWRITEBYTECODE=1 python3 "$test" "$compare" "$image" "$signed/signed.img" | tee log
      grep '^figure' log | sed "s/$/, $(( $(date +%s) - begin )) s/"
      touch "$out"
    '';
  };

  check = debian.run {
    name = "reproducible";
    tree = debian.tree "image";
    env = {
      inherit compare;
      one = map (name: built.${name}) parts;
      other = map (name: second.${name}) parts;
    };
    script = ''
      read -ra one <<< "$one"
      read -ra other <<< "$other"
      bad=0 files=0 bytes=0
      for place in "''${!one[@]}"; do
        [ "''${one[place]}" != "''${other[place]}" ] || { echo "''${one[place]} was not built twice"; exit 1; }
        while IFS= read -r -d "" file; do
          files=$((files + 1)) bytes=$((bytes + $(stat -c %s "''${one[place]}/$file")))
          cmp -s "''${one[place]}/$file" "''${other[place]}/$file" && continue
          bad=1
          echo "differs: $file of ''${one[place]##*/}"
          case "$file" in *disk.img) python3 "$compare" "''${one[place]}/$file" "''${other[place]}/$file" || true ;; esac
        done < <(cd "''${one[place]}" && find . -type f -print0 | sort -z)
        diff <(cd "''${one[place]}" && find . | sort) <(cd "''${other[place]}" && find . | sort) || bad=1
      done
      [ $bad = 0 ] || { echo "the second build is not the first: what differs is named above"; exit 1; }
      echo "figure: $files files of binary, root, UKI and disk, $bytes bytes, the same in a second build under other conditions, $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };
}
