# Sourced by run.sh: the VM. Sets machine_child and console; gives start_machine, stop_machine, console_value.
console="$state/console.log"

console_value() { # the newest value of a line of the console's status page
  [ -e "$console" ] || return 0
  tr -d '\r' < "$console" | sed -n "s/^  $1  *//p" | sed 's/  (.*//' | tail -n1
}

start_machine() {
  [ -e "$state/machine-uuid" ] || cat /proc/sys/kernel/random/uuid > "$state/machine-uuid"
  say "signing with throw-away keys, enrolling them in the firmware's variables"
  "$machine" prepare "$state" "$image"
  rm -rf "$state/smbios" "$console"
  mkdir -m 700 "$state/smbios"
  for file in "$state"/config/holdfast.*; do
    (umask 077; printf 'io.systemd.credential.binary:%s=%s' "${file##*/}" "$(base64 -w0 "$file")" > "$state/smbios/${file##*/}")
  done
  local accel
  accel="$("$machine" accel "$state" "$kernel/bzImage")"
  [ "$accel" = kvm ] || say "KVM is not usable here: QEMU emulates the processor, which is slower"
  say "booting under Secure Boot ($accel); the console is in $console"
  set -m
  "$machine" boot "$state" "$port" "$accel" > "$state/qemu.log" 2>&1 &
  machine_child=$!
  set +m
  children+=("$machine_child")
  local begin=$SECONDS shown=0
  : >> "$console"
  until tr -d '\r' < "$console" 2> /dev/null | grep -qE '^holdfast: state (ready|waiting)'; do
    kill -0 "$machine_child" 2> /dev/null || { cat "$state/qemu.log" >&2; stop "QEMU ended; its console is in $console"; }
    if grep -qs '^holdfast: refused' "$console"; then tr -d '\r' < "$console" | sed -n '/^holdfast: refused/,/^$/p' | head -n 8 >&2; stop "the machine refused its configuration"; fi
    [ $((SECONDS - begin)) -lt 300 ] || { tail -n 30 "$console" >&2; stop "no answer from the machine in five minutes; its console is in $console"; }
    if [ $((SECONDS - begin)) -ge $((shown + 5)) ]; then shown=$((SECONDS - begin)); say "booting, $shown s: $(tr -d '\r' < "$console" 2> /dev/null | tail -n1 | cut -c1-80)"; fi
    sleep 0.3
  done
}

stop_machine() { # by the power button, as a person would
  [ -n "$machine_child" ] || return 0
  python3 - "$state/qmp.sock" 2> /dev/null <<'PY' || true
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
line.recv(4096)
for command in ("qmp_capabilities", "system_powerdown"):
    line.sendall(b'{"execute":"%s"}\n' % command.encode())
    line.recv(4096)
PY
  for _ in $(seq 150); do kill -0 "$machine_child" 2> /dev/null || return 0; sleep 0.1; done
}
