# Sourced by run.sh: the same binary without a VM. Sets machine_child and console; gives start_machine, stop_machine,
# console_value.
console="$state/host.log"

console_value() { [ -e "$console" ] && sed -n "s/^  $1  *//p" "$console" | sed 's/  (.*//' | tail -n1; }

start_machine() {
  cat >&2 <<'DIFFERENT'
holdfast: without the VM. The same binary, its own sandbox (Landlock, seccomp, no new privileges), store and push; what is
holdfast: missing is the machine around it: no verified boot, no read-only root, no network namespace, no kernel of ours.
DIFFERENT
  mkdir -p "$state/host"
  chmod 700 "$state/host"
  set -m
  "$holdfast" listen --listen "127.0.0.1:$port" -- --credentials "$state/config" --data "$state/host" > "$console" 2>&1 &
  machine_child=$!
  set +m
  children+=("$machine_child")
  local begin=$SECONDS
  until grep -qE '^holdfast: state (ready|waiting)' "$console"; do
    kill -0 "$machine_child" 2> /dev/null || { cat "$console" >&2; stop "the server ended"; }
    [ $((SECONDS - begin)) -lt 60 ] || { cat "$console" >&2; stop "no answer in a minute"; }
    sleep 0.1
  done
}

stop_machine() {
  [ -n "$machine_child" ] || return 0
  kill -TERM "$machine_child" 2> /dev/null || true
  for _ in $(seq 80); do kill -0 "$machine_child" 2> /dev/null || return 0; sleep 0.1; done
}
