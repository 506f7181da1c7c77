# Flags and places of every cargo call; sourced in the workspace's copy.
export CARGO_HOME="$PWD/../cargo-home" CARGO_NET_OFFLINE=true CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
export CARGO_BUILD_TARGET=x86_64-unknown-linux-gnu CARGO_BUILD_JOBS="$NIX_BUILD_CORES" CARGO_TARGET_DIR="$PWD/target"
mkdir -p "$CARGO_HOME"
cat > "$CARGO_HOME/config.toml" <<CONFIG
[source.crates-io]
replace-with = "vendor"
[source.vendor]
directory = "$vendor"
CONFIG
# Static, position independent, read-only after relocation; no build path and no build id in the output. Random bytes by
# the system call: a static binary finds no libc symbol at run time, and would read /dev/urandom instead.
# Bitcode beside the machine code, so that the one program in the image can be optimised as a whole.
export RUSTFLAGS="-C embed-bitcode=yes -C target-feature=+crt-static -C relocation-model=pie -C link-arg=-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--build-id=none --remap-path-prefix=$vendor=/crates --remap-path-prefix=$PWD=/holdfast --cfg getrandom_backend=\"linux_getrandom\""
export CFLAGS="-O2 -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -D_FORTIFY_SOURCE=3 -ffile-prefix-map=$vendor=/crates -ffile-prefix-map=$PWD=/holdfast"
