# The benchmark: its program, `nix run .#bench`, and the check site-1000.
{ debian, rust }:
let
  tree = debian.tree "bench";

  program = rust.cargo {
    name = "holdfast-bench";
    script = ''
      # Built for its test, among the whole workspace: so it is linked from the dependencies that are there.
      cargo test --workspace --release --no-run --test commands
      install -Dm755 target/x86_64-unknown-linux-gnu/release/holdfast-bench "$out/bin/holdfast-bench"
      echo "figure: holdfast-bench, $(( $(date +%s) - begin )) s"
    '';
  };

  # What measures in itself (`store`, `people`) is optimised across crates, as the server in the image is. Checks judge no speed.
  optimised = rust.cargo {
    name = "holdfast-bench-optimised";
    script = ''
      cargo rustc --release -p holdfast-bench --bin holdfast-bench -- -C lto=fat -C codegen-units=1
      install -Dm755 target/x86_64-unknown-linux-gnu/release/holdfast-bench "$out/bin/holdfast-bench"
      echo "figure: holdfast-bench, $(( $(date +%s) - begin )) s"
    '';
  };

  env = {
    HOLDFAST_BIN = "${rust.appliance}/bin/holdfast";
    HOLDFAST_BENCH = "${program}/bin/holdfast-bench";
  };
in
{
  inherit program optimised;

  app = import ./app.nix {
    inherit debian tree;
    env = env // { HOLDFAST_BENCH = "${optimised}/bin/holdfast-bench"; };
    name = "bench";
    script = ./bench.sh;
  };

  # A thousand real pages: pushed, changed by one, rolled back, restarted with; each compared byte for byte.
  site-1000 = debian.run {
    name = "site-1000";
    inherit tree env;
    script = ''
      export TMPDIR="$PWD"
      "$HOLDFAST_BENCH" site /usr/share/doc/rust-doc/html --files 1000 --holdfast "$HOLDFAST_BIN" --json rows.json | tee log
      grep -q '^after a restart: 1000 files compared' log
      echo "figure: 1000 files in, changed by one, rolled back, 4 times compared over HTTP/1.1 and HTTP/2; $(awk -F'[:,]' '/"name"/ { name = $2 "," $3 } /"ours"/ { printf "%s %.2f; ", name, $2 }' rows.json | sed 's/"//g'), $(( $(date +%s) - begin )) s"
      touch "$out"
    '';
  };
}
