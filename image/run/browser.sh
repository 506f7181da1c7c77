# People in a real browser, in front of the booted image: ./run boots it, enrols a device and publishes, as it does for everybody;
# then chromium, with an authenticator of its own, joins, signs in, steps up, governs and is sent away. Prints a figure. $1: the
# working tree. HOLDFAST_SHOTS: a folder for pictures of the pages.
set -euo pipefail
root="$1"
# shellcheck source=image/run/setup.sh
. "$root/image/run/setup.sh"
begin=$SECONDS
command -v "${HOLDFAST_CHROMIUM:-chromium}" > /dev/null || install_from_apt chromium
work="$(mktemp -d)"
run=''
finish() {
  [ -z "$run" ] || { kill -TERM "$run" 2> /dev/null || true; wait "$run" 2> /dev/null || true; }
  rm -rf "$work"
}
trap finish EXIT
nix_build "$work/built" packages.x86_64-linux.appliance legacyPackages.x86_64-linux.appliance-tests
port=8453
while (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do port=$((port + 1)); done
bash "$root/image/run/run.sh" --state "$work/state" --port "$port" > "$work/run.log" 2>&1 &
run=$!
until grep -q 'Ctrl-C stops the machine' "$work/run.log"; do
  kill -0 "$run" 2> /dev/null || { tail -n 40 "$work/run.log"; exit 1; }
  sleep 0.5
done
booted=$((SECONDS - begin))
export HOLDFAST_BIN="$work/built/appliance/bin/holdfast" TMPDIR="$work"
tests() { # name, log
  "$work/built/appliance-tests/bin/appliance-test" "$1" --ignored --nocapture --test-threads=1 > "$2" 2>&1 \
    || { tail -n 60 "$2"; tail -n 20 "$work/run.log"; exit 1; }
  grep -q '^test result: ok\. [1-9]' "$2" || { tail -n 20 "$2"; exit 1; }
}
HOLDFAST_MACHINE="$work/state" HOLDFAST_MACHINE_PORT="$port" tests portal::browser "$work/machine.log"
# Once more without the machine, for what needs another configuration.
tests portal::browser::a_hostile_page "$work/process.log"
told() { sed -n "s/.*figure: \($1.*\)/\1/p" "$work/machine.log" | head -n 1; }
passed="$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$work/machine.log")"
echo "figure: $passed journeys on the booted image: $(told joined), $(told 'signed in'), $(told 'out of reach'); up after $booted s, $((SECONDS - begin)) s"
