# Proves what a change rebuilds: evaluates the flake on copies of the tree that differ in one folder, and compares
# derivations. Prints a figure; fails where a change reaches what it must not. $1: the working tree.
set -euo pipefail
root="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
(cd "$root" && git ls-files -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done | xargs -0 cp --parents -t "$work/tree")
derivations() {
  nix eval --raw "path:$work/tree#packages.x86_64-linux" --apply \
    'all: builtins.concatStringsSep "\n" (map (name: "${name} ${builtins.unsafeDiscardStringContext all.${name}.drvPath}") [ "kernel" "appliance" "image" ])'
}
before="$(derivations)"
expect() { # changed file, what must stay
  local file="$1" after name
  shift
  cp "$work/tree/$file" "$work/saved"
  printf '\n' >> "$work/tree/$file"
  after="$(derivations)"
  mv "$work/saved" "$work/tree/$file"
  for name in "$@"; do
    [ "$(grep "^$name " <<< "$before")" = "$(grep "^$name " <<< "$after")" ] || { echo "a change in $file rebuilds the $name"; exit 1; }
  done
  changed=$((changed + 1))
  [ "$file" != "hardening/kernel/10-platform.config" ] || [ "$before" != "$after" ] || { echo "a change in $file rebuilds nothing: this check sees nothing"; exit 1; }
}
changed=0
expect docs/index.md kernel appliance image
expect README.md kernel appliance image
expect vm-tests/src/lib.rs kernel appliance image
expect hardening/tests/sandbox.rs kernel appliance image
expect hardening/systemd/units.list kernel appliance
expect appliance/holdfast/src/main.rs kernel
expect hardening/kernel/10-platform.config appliance
echo "figure: $changed changes, none rebuilds what it must not"
