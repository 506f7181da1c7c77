# Proves that the portal's API is what its description says: schemathesis, pinned by hash, against the program itself with a
# store of its own. Prints a figure; fails where anything is found. $1: the working tree.
set -euo pipefail
root="$1"
# shellcheck source=image/run/setup.sh
. "$root/image/run/setup.sh"
begin=$SECONDS
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
nix_build "$work/built" packages.x86_64-linux.appliance legacyPackages.x86_64-linux.appliance-tests
python3 -c 'import ensurepip, venv' 2> /dev/null || install_from_apt python3-venv
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: --require-hashes \
  -r "$root/image/run/schemathesis/requirements.txt" || stop "pip could not install schemathesis: look at its configuration and the network"
export HOLDFAST_BIN="$work/built/appliance/bin/holdfast" HOLDFAST_VENV="$work/venv" TMPDIR="$work"
export HOLDFAST_SCHEMATHESIS="$root/image/run/schemathesis/run" HOLDFAST_DOCUMENT="$root/docs/openapi.json"
"$work/built/appliance-tests/bin/appliance-test" --exact portal::api_check::schemathesis_finds_nothing --ignored --nocapture \
  > "$work/log" 2>&1 || { tail -n 200 "$work/log"; exit 1; }
grep -q '^test result: ok\. 1 passed' "$work/log" || { tail -n 50 "$work/log"; exit 1; }
tested="$(sed -n 's/.*Tested: *\([0-9]*\).*/\1/p' "$work/log" | tail -n 1)"
cases="$(sed -n 's/.* \([0-9,]*\) generated.*/\1/p' "$work/log" | tail -n 1)"
echo "figure: $tested operations, $cases requests, nothing found, $((SECONDS - begin)) s"
