# nix run .#fuzz -- TARGET SECONDS [FOLDER]
# Hunts in one parser for so many seconds, beginning with its committed corpus. What it finds is kept in FOLDER
# (./fuzz-TARGET): new inputs by their hash, and inputs that break a property as crash-…, which
# `cargo run -p holdfast-fuzz -- TARGET FILE` shows again.
targets=$(ls "$HOLDFAST_FUZZ/corpus")
usage() {
  echo "usage: nix run .#fuzz -- TARGET SECONDS [FOLDER]; targets: $(echo $targets)" >&2
  exit 2
}
[ $# -ge 2 ] && [ $# -le 3 ] || usage
target=$1 seconds=$2 folder=${3:-$PWD/fuzz-$1}
grep -qxF -- "$target" <<< "$targets" || usage
[[ $seconds =~ ^[1-9][0-9]*$ ]] || usage
mkdir -p "$folder"
export HOLDFAST_FUZZ_TARGET="$target"
exec "$HOLDFAST_FUZZ/bin/holdfast-fuzz" "$folder" "$HOLDFAST_FUZZ/corpus/$target" \
  -max_total_time="$seconds" -artifact_prefix="$folder/" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
