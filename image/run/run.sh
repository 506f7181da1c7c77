#!/usr/bin/env bash
# The program behind ./run and `nix run .#run`.
set -euo pipefail
usage() {
  cat <<'HELP'
./run [SITE]              boot the sealed image in a VM and publish SITE (a folder of pages; default: the documentation)
./run --browser [SITE]    the same, and open a fresh chromium profile that trusts this certificate
./run --host [SITE]       the same binary, sandbox and push, without a VM
./run --reset             forget the VM's data, keys and configuration first

  --port PORT             the port on this machine (default 8443)
  --state DIR             where keys, disks and logs are kept (default .state, git-ignored)

The first start installs Nix where it is missing (apt), fetches the pinned packages and crates, and builds kernel, binary
and image: half an hour on two cores. Later starts take seconds plus the boot. Ctrl-C stops the machine cleanly.
HELP
}
root="${HOLDFAST_ROOT:-$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)}"
mode=vm browser='' site='' port=8443 reset='' state=''
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --browser) browser=1 ;;
    --host) mode=host ;;
    --reset) reset=1 ;;
    --port) port="${2:?--port wants a number}"; shift ;;
    --state) state="${2:?--state wants a folder}"; shift ;;
    -*) echo "run: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) site="$1" ;;
  esac
  shift
done
[ -z "$site" ] || [ -d "$site" ] || { echo "run: $site is no folder; name a folder of pages, or nothing for the documentation" >&2; exit 2; }
[ -z "$site" ] || site="$(cd "$site" && pwd)"
case "$root" in /nix/store/*) home="$PWD" ;; *) home="$root" ;; esac
state="${state:-$home/.state}"
[ -d "$state" ] || mkdir -p -m 700 "$state"
state="$(cd "$state" && pwd)"
# shellcheck source=image/run/setup.sh
. "$root/image/run/setup.sh"
if [ ! -O "$state" ] || [ "$(stat -c %a "$state")" != 700 ]; then
  stop "$state holds keys and must be yours alone: \`chmod 700 $state\`, or choose another folder with --state"
fi
[ ${#state} -le 80 ] || stop "the path $state is too long for the sockets in it: choose a shorter one with --state"
exec 9> "$state/lock"
flock -n 9 || stop "another ./run uses $state: stop it first, or choose another folder with --state"
(exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && stop "port $port is in use: stop what listens there, or choose another with --port"
if [ -n "$browser" ]; then
  browser="$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)"
  [ -n "$browser" ] || stop "--browser needs chromium: \`apt-get install chromium\`, or open the printed address yourself"
fi

fetch_inputs
say "building (the first time takes half an hour on two cores; every line is a step of it)"
wanted=(appliance legacyPackages.x86_64-linux.docs legacyPackages.x86_64-linux.machine)
[ "$mode" != vm ] || wanted+=(kernel image)
nix_build "$state/built" "${wanted[@]}"
built() { readlink -f "$state/built/$1"; }
holdfast="$(built appliance)/bin/holdfast"
machine="$(built machine)/bin/machine"
image="$(built image || true)"
kernel="$(built kernel || true)"
site="${site:-$(built docs)}"
origin="https://localhost:$port" portal="https://portal.localhost:$port"

if [ -n "$reset" ]; then
  rm -rf "$state"/{config,client,host,data.img,system.img,signed.from,vars.fd,keys,tpm,machine-uuid}
fi
if [ ! -e "$state/config/holdfast.toml" ]; then
  "$holdfast" config new --site "$origin" --portal "$portal" "$state/config" > "$state/config.log"
else
  # The port may be another one today; the keys stay, or the data could not be opened.
  sed -i "s#^site = .*#site = \"$origin\"#; s#^portal = .*#portal = \"$portal\"#" "$state/config/holdfast.toml"
fi

# Children get a process group of their own (set -m), so that Ctrl-C reaches this script alone, which stops them in order.
children=() machine_child=''
finish() {
  trap - EXIT HUP INT TERM
  for child in "${children[@]}"; do kill -- "-$child" 2> /dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2> /dev/null || true; done
  exit "${1:-0}"
}
trap 'finish 1' EXIT
# shellcheck source=image/run/start-vm.sh
. "$root/image/run/start-$mode.sh"
trap 'echo; say "stopping"; stop_machine; finish 0' HUP INT TERM

start_machine
client=(--state "$state/client" --address "localhost:$port")
if ! "$holdfast" status "${client[@]}" > /dev/null 2>&1; then
  say "enrolling this machine as the operator's first device"
  "$holdfast" enroll "${client[@]}" --name "$(uname -n)" --operator-key "$state/config/operator.key" \
    --identity "$(sed -n 's/^Identity: //p' "$state/config.log")" > "$state/enroll.log" 2>&1 \
    || { cat "$state/enroll.log" >&2; stop "enrolment failed. If the machine's data is older than this state folder, start again with --reset."; }
fi
say "publishing $site"
"$holdfast" site push "$site" "${client[@]}" || stop "the push failed"

cat <<DONE

  site         $origin
  portal       $portal
  certificate  $(console_value certificate)
  identity     $(console_value identity)
  console      $console

  The certificate is self-made: your browser will ask once; compare the fingerprint above.
  ./run --browser opens a browser that trusts it.  ./run FOLDER publishes a folder of yours.
  Ctrl-C stops the machine; what was published stays.

DONE
if [ -n "$browser" ]; then
  pin="$("$machine" spki "$state" "$port" "$(console_value certificate)")"
  sandbox=()
  [ "$(id -u)" != 0 ] || sandbox=(--no-sandbox)
  rm -rf "$state/browser"
  set -m
  "$browser" "${sandbox[@]}" --user-data-dir="$state/browser" --no-first-run --disable-background-networking \
    --ignore-certificate-errors-spki-list="$pin" "$origin" > "$state/browser.log" 2>&1 9>&- &
  children+=($!)
  set +m
fi
wait "$machine_child" || true
say "the machine has stopped"
finish 0
