#!/usr/bin/env bash
# The program behind `nix run .#sbom-validate`. See --help.
set -euo pipefail
usage() {
  cat <<'HELP'
nix run .#sbom-validate [-- FOLDER]

  Has public validators read the bill of materials of the image: cyclonedx-python-lib (CycloneDX 1.6) and spdx-tools
  (SPDX 2.3), from the Python package index, installed by hash into a throw-away folder.

  FOLDER   holds holdfast.cdx.json and holdfast.spdx.json; without it they are built: `nix build .#sbom`

  Needs python3 with venv, and the network for pip.
  Exit status: 0 both are valid, 1 one is not, 2 it could not be tried.
HELP
}
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  -*) echo "sbom-validate: unknown option $1" >&2; usage >&2; exit 2 ;;
esac
root="${HOLDFAST_ROOT:-$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
folder="${1:-}"
if [ -z "$folder" ]; then
  # shellcheck source=image/run/setup.sh
  . "$root/image/run/setup.sh"
  fetch_inputs
  nix build -L -o "$work/sbom" "$root#sbom" || exit 2
  folder="$work/sbom"
fi
for name in holdfast.cdx.json holdfast.spdx.json; do
  [ -r "$folder/$name" ] || { echo "sbom-validate: $folder holds no $name; \`nix build .#sbom\` makes both" >&2; exit 2; }
done
echo "installing the validators"
python3 -m venv "$work/venv" || { echo "sbom-validate: python3 has no venv: apt-get install python3-venv" >&2; exit 2; }
"$work/venv/bin/pip" --quiet --disable-pip-version-check install --require-hashes -r "$root/image/sbom/validate/requirements.txt" \
  || { echo "sbom-validate: the validators could not be installed; look at the network and at pip's configuration" >&2; exit 2; }
"$work/venv/bin/python" "$root/image/sbom/validate/validate.py" "$folder"
