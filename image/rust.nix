# Our crates: dependencies are built once and shared by the binary, the lints and the tests.
{ debian }:
let
  tree = debian.tree "rust";
  root = ../.;

  # Only the folders that a build needs: a change elsewhere rebuilds nothing.
  only = name: keep: builtins.path {
    inherit name;
    path = root;
    filter = path: type:
      let
        relative = builtins.substring (builtins.stringLength (toString root) + 1) (-1) path;
        folder = builtins.head (builtins.split "/" relative);
      in
      keep { inherit relative folder type; };
  };
  # Crates that are no part of the binary.
  beside = [ "vm-tests" "appliance/bench" "appliance/fuzz" ];
  folders = [ "appliance" "secrets" "hardening" "vm-tests" ];
  isManifest = relative: builtins.match "(.*/)?Cargo\\.(toml|lock)" relative != null;
  outside = relative: builtins.match "hardening/(kernel|systemd).*" relative != null || builtins.match ".*/target(/.*)?" relative != null;

  manifests = only "holdfast-manifests" ({ relative, folder, type }:
    if type == "directory" then builtins.elem folder folders && !(outside relative) && builtins.match ".*/(src|tests|corpus)(/.*)?" relative == null
    else isManifest relative);
  # All sources, for the lints and tests; and those of the binary alone.
  sources = only "holdfast-sources" ({ relative, folder, type }:
    isManifest relative || (builtins.elem folder folders && !(outside relative)));
  applianceSources = only "holdfast-appliance-sources" ({ relative, folder, type }:
    isManifest relative
    || (builtins.elem folder folders && !(outside relative) && builtins.match "(vm-tests/.*|appliance/(bench|fuzz)/.*|.*/tests(/.*)?)" relative == null)
    || builtins.elem relative beside);

  locked = builtins.filter (package: package ? checksum) (builtins.fromTOML (builtins.readFile ../Cargo.lock)).package;
  vendor = debian.busybox {
    name = "holdfast-crates";
    script = ./vendor.sh;
    env = {
      crates = map
        (package: debian.input {
          name = builtins.replaceStrings [ "~" ] [ "-" ] "${package.name}-${package.version}.crate";
          sha256 = package.checksum;
          hint = "crate ${package.name} ${package.version}";
        })
        locked;
      names = map (package: "${package.name}-${package.version}=${package.checksum}") locked;
    };
  };

  # The flags of every compilation; they must be the same everywhere, or the shared dependencies are built again.
  environment = {
    inherit vendor;
    preamble = ./rust-env.sh;
  };

  dependencies = debian.run {
    name = "holdfast-dependencies";
    inherit tree;
    env = environment // { inherit manifests; };
    script = ''
      cp -r --no-preserve=mode,timestamps "$manifests" work && cd work
      for manifest in $(find . -mindepth 2 -name Cargo.toml); do
        folder="$(dirname "$manifest")/src"
        mkdir -p "$folder"
        if [ "$folder" = ./appliance/holdfast/src ]; then printf "//! Empty.\nfn main() {}\n" > "$folder/main.rs"; else echo "//! Empty." > "$folder/lib.rs"; fi
        # Tests that a manifest names must be there for cargo to read it.
        for test in $(sed -n '/^\[\[test\]\]/,/^$/s/^name = "\(.*\)"/\1/p' "$manifest"); do
          mkdir -p "$folder/../tests"
          printf "//! Empty.\nfn main() {}\n" > "$folder/../tests/$test.rs"
        done
      done
      . $preamble
      cargo test --workspace --release --no-run
      # With fewer crates chosen, cargo turns on fewer features: these two choices need a few dependencies of their own.
      cargo build --release -p holdfast
      cargo test --release --no-run -p holdfast-vm-tests
      # Our own empty crates go; what is left is what everything else is linked from.
      cargo clean --release -p holdfast $(sed -n 's/^\(holdfast-[a-z-]*\) = .*/-p \1/p' Cargo.toml) -p holdfast-vm-tests -p holdfast-bench -p holdfast-fuzz
      mkdir "$out"
      cp -a target "$out"/
      echo "figure: dependencies $(ls target/*/release/deps/*.rlib | wc -l) libraries, $(( $(date +%s) - begin )) s"
    '';
  };

  cargo = { name, source ? sources, script, env ? { } }: debian.run {
    inherit name tree;
    env = environment // { inherit dependencies source; } // env;
    script = ''
      cp -r --no-preserve=mode,timestamps "$source" work && cd work
      # The store's times are all alike; the copy keeps them, so that cargo takes the dependencies for fresh.
      cp -a "$dependencies/target" target && chmod -R u+w target
      . $preamble
      ${script}
    '';
  };
in
{
  inherit tree vendor dependencies cargo sources;

  appliance = cargo {
    name = "holdfast";
    source = applianceSources;
    script = ''
      for crate in ${toString beside}; do mkdir -p $crate/src && echo "//! Empty." > $crate/src/lib.rs; done
      mkdir -p hardening/tests && echo "fn main() {}" > hardening/tests/sandbox.rs
      # Aborts instead of unwinding, and is optimised across crates, which makes it a fifth smaller and some percent faster:
      # set for the last crate alone, so that the dependencies serve the tests too.
      cargo rustc --release -p holdfast --bin holdfast -- -C panic=abort -C lto=fat -C codegen-units=1
      binary=target/x86_64-unknown-linux-gnu/release/holdfast
      install -Dm755 $binary "$out/bin/holdfast"
      # The image's program for one forbidden act; the server starts it some seventy times before it serves.
      cargo rustc --release -p holdfast-hardening --bin sandbox-probe -- -C panic=abort -C lto=fat -C codegen-units=1 -C opt-level=s
      probe=target/x86_64-unknown-linux-gnu/release/sandbox-probe
      for binary in $binary $probe; do
        readelf -lW $binary | grep -q 'Requesting program interpreter' && { echo "$binary is not static"; exit 1; }
        readelf -hW $binary | grep -q 'DYN ' || { echo "$binary is not position independent"; exit 1; }
      done
      install -Dm755 $probe "$out/libexec/sandbox-probe"
      echo "figure: holdfast $(stat -c %s "$out/bin/holdfast") bytes, sandbox-probe $(stat -c %s $probe) bytes, $(( $(date +%s) - begin )) s"
    '';
  };

  # The crates of the binary, `name version|licence` a line.
  crates = debian.run {
    name = "holdfast-crate-list";
    inherit tree;
    env = environment // { inherit manifests; };
    script = ''
      cp -r --no-preserve=mode,timestamps "$manifests" work && cd work
      for manifest in $(find . -mindepth 2 -name Cargo.toml); do
        mkdir -p "$(dirname "$manifest")/src"
        echo "//! Empty." > "$(dirname "$manifest")/src/lib.rs"
        for test in $(sed -n '/^\[\[test\]\]/,/^$/s/^name = "\(.*\)"/\1/p' "$manifest"); do
          mkdir -p "$(dirname "$manifest")/tests"
          echo "//! Empty." > "$(dirname "$manifest")/tests/$test.rs"
        done
      done
      . $preamble
      cargo tree --locked -p holdfast -e normal --target x86_64-unknown-linux-gnu --prefix none -f '{p}|{l}' > list
      # Our own crates are named with their folder.
      sed 's/ ([^|]*)|/|/' list | LC_ALL=C sort -u > "$out"
    '';
  };

  # Where crates come from, their licences, and which are there twice.
  supply = debian.run {
    name = "supply";
    tree = debian.tree "image";
    env = {
      inherit vendor;
      lock = ../Cargo.lock;
      supply = builtins.path { name = "supply"; path = ./supply; };
    };
    script = ''
      python3 $supply/check.py "$lock" "$vendor" | tee log
      grep -q '^figure:' log
      touch "$out"
    '';
  };

  fmt = debian.run {
    name = "fmt";
    inherit tree;
    env.source = sources;
    script = ''
      cp -r --no-preserve=mode "$source" work && cd work
      find . -name '*.rs' -print0 | xargs -0 rustfmt --check --edition 2024
      echo "figure: $(find . -name '*.rs' | wc -l) files formatted, $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };

  # Clippy runs as the compiler of our crates in an ordinary build, so that it shares the dependencies.
  clippy = cargo {
    name = "clippy";
    script = ''
      export RUSTC_WORKSPACE_WRAPPER=/usr/bin/clippy-driver CLIPPY_ARGS="-D__CLIPPY_HACKERY__warnings"
      cargo test --workspace --release --no-run
      echo "figure: $(find . -path ./target -prune -o -name '*.rs' -print | xargs cat | wc -l) lines without a warning, $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };

  unit = cargo {
    name = "unit";
    script = ''
      cargo test --workspace --exclude holdfast-vm-tests --release --no-fail-fast 2>&1 | tee log
      passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' log | paste -sd+ | sed 's/^$/0/')
      [ $((passed)) -gt 0 ]
      echo "figure: $((passed)) tests passed, $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };
}
