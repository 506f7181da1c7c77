# The kernel: Debian's newest linux-source of the suite, hardening/kernel/*.config on tinyconfig, clang with kCFI.
{ debian, config }:
let
  source = builtins.head (builtins.filter (package: package.package == "linux-source-6.12") debian.lock.packages);
in
debian.run {
  name = "holdfast-kernel";
  tree = debian.tree "kernel";
  env = {
    inherit config;
    # RANDSTRUCT takes its seed from /dev/urandom unless given one. This one is public: the lock's hash of the source
    # package. It hinders an exploit that was made for another kernel, and nobody who has read the lock.
    seed = builtins.hashString "sha256" "holdfast randstruct ${source.sha256}";
  };
  script = ''
    # What would break the bits: build user, host and time; the seed; the build path (the source lies at the same place).
    export KBUILD_BUILD_USER=holdfast KBUILD_BUILD_HOST=holdfast KBUILD_BUILD_VERSION=1
    export KBUILD_BUILD_TIMESTAMP="$(date -u -d @$SOURCE_DATE_EPOCH)"
    tar -xf /usr/src/linux-source-6.12.tar.xz
    cd linux-source-6.12
    for patch in $config/*.patch; do patch -p1 --fuzz=0 --no-backup-if-mismatch < "$patch"; done
    printf '#!/bin/sh\necho %s > "$1"\nHASH=$(printf "%%s" %s | sha256sum | cut -d" " -f1)\necho "#define RANDSTRUCT_HASHED_SEED \\"$HASH\\"" > "$2"\n' "$seed" "$seed" > scripts/gen-randstruct-seed.sh
    make -s LLVM=-19 tinyconfig
    KCONFIG_CONFIG=.config bash scripts/kconfig/merge_config.sh -m .config $config/*.config > merge.log
    make -s LLVM=-19 olddefconfig
    # Every line asked for must have taken effect; Kconfig drops silently what it cannot do.
    bad=0
    while read -r line; do
      case "$line" in
        CONFIG_*=n) if grep -q "^''${line%%=*}=" .config; then echo "not off: $line"; bad=1; fi ;;
        CONFIG_*) grep -qxF "$line" .config || { echo "not in force: $line"; bad=1; } ;;
        "# CONFIG_"*) key="''${line#\# }"; if grep -q "^''${key%% *}=" .config; then echo "not off: $line"; bad=1; fi ;;
      esac
    done < <(cat $config/*.config)
    [ $bad = 0 ] || exit 1
    (while sleep 60; do echo "kernel: $(find . -name '*.o' -newer .config | wc -l) objects after $(( ($(date +%s) - begin) / 60 )) minutes"; done) & ticker=$!
    # Nix says 0 for all of them, which make does not take.
    jobs="''${NIX_BUILD_CORES:-1}"
    [ "$jobs" -gt 0 ] || jobs=$(nproc)
    make -s LLVM=-19 -j"$jobs" bzImage
    kill $ticker
    mkdir "$out"
    cp arch/x86/boot/bzImage .config "$out"/
    make -s LLVM=-19 kernelrelease > "$out/release"
    echo "figure: kernel $(cat "$out/release"), $(stat -c %s "$out/bzImage") bytes"
  '';
}
