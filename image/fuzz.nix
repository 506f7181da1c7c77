# The fuzz targets under libFuzzer, for `nix run .#fuzz -- TARGET SECONDS`. Our compiler instruments everything; libFuzzer
# itself is Debian's. No check builds this: what a check runs is `cargo test -p holdfast-fuzz`.
{ debian, rust }:
let
  tree = debian.tree "fuzz";

  binary = debian.run {
    name = "holdfast-fuzz";
    inherit tree;
    env = {
      inherit (rust) vendor;
      source = rust.sources;
      preamble = ./rust-env.sh;
    };
    script = ''
      cp -r --no-preserve=mode,timestamps "$source" work && cd work
      . $preamble
      export CUSTOM_LIBFUZZER_PATH=/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-x86_64.a
      [ -f "$CUSTOM_LIBFUZZER_PATH" ]
      # What `-fsanitize=fuzzer` asks of clang. Not static: libFuzzer is C++. Checks that only debug builds have are on.
      pass=-Cllvm-args=-sanitizer-coverage
      export RUSTFLAGS="$RUSTFLAGS -Ctarget-feature=-crt-static -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks \
        -Cpasses=sancov-module $pass-level=4 $pass-inline-8bit-counters $pass-pc-table $pass-trace-compares"
      cargo build --release -p holdfast-fuzz --features libfuzzer
      install -Dm755 target/x86_64-unknown-linux-gnu/release/holdfast-fuzz "$out/bin/holdfast-fuzz"
      cp -r appliance/fuzz/corpus "$out/corpus"
      # It starts, and sees more than one edge: an uninstrumented build would hunt blindly.
      HOLDFAST_FUZZ_TARGET=request_path "$out/bin/holdfast-fuzz" -runs=1000 "$out/corpus/request_path" 2>&1 | tee log
      grep -Eq '#[0-9]+.*INITED cov: [0-9]{2,}' log
      echo "figure: $(ls "$out/corpus" | wc -l) fuzz targets built, $(( $(date +%s) - begin )) s"
    '';
  };
in
{
  inherit binary;
  app = import ./app.nix {
    inherit debian tree;
    name = "fuzz";
    script = ./fuzz.sh;
    env.HOLDFAST_FUZZ = binary;
  };
}
