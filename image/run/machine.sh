# Inside the pinned tree of machine tools: keys, firmware variables, disk, QEMU. Called by ./run.
#   machine.sh prepare STATE IMAGE     throw-away keys, signed disk, firmware variables (what is there is kept)
#   machine.sh accel STATE KERNEL      prints kvm where it really runs a kernel, else tcg
#   machine.sh boot STATE PORT ACCEL   QEMU in the foreground; serial to STATE/console.log
#   machine.sh spki STATE PORT PRINT   the public key's SHA-256 of the certificate at PORT, if it has the fingerprint PRINT
state="$2"
owner=11111111-2222-4333-8444-555555555555

prepare() {
  local image="$1" keys="$state/keys"
  mkdir -p "$keys"
  for name in pk kek db; do
    [ -e "$keys/$name.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=Holdfast throw-away $name/" \
      -keyout "$keys/$name.key" -out "$keys/$name.pem" 2> /dev/null
  done
  chmod 600 "$keys"/*.key
  [ -e "$state/vars.fd" ] || virt-fw-vars --input /usr/share/OVMF/OVMF_VARS_4M.fd --output "$state/vars.fd" \
    --set-pk $owner "$keys/pk.pem" --add-kek $owner "$keys/kek.pem" --add-db $owner "$keys/db.pem" --secure-boot > /dev/null 2>&1
  if [ "$(cat "$state/signed.from" 2> /dev/null)" != "$image" ]; then
    bash -euo pipefail "$HOLDFAST_SIGN" --key "$keys/db.key" --cert "$keys/db.pem" "$image/disk.img" "$state/system.img"
    printf %s "$image" > "$state/signed.from"
  fi
  # The data partition lives on a second disk, so that a rebuilt image boots against the same data.
  [ -e "$state/data.img" ] || truncate -s 4G "$state/data.img"
}

accel() {
  local kernel="$1" log
  if [ -w /dev/kvm ]; then
    log="$(mktemp)"
    qemu-system-x86_64 -accel kvm -cpu host -machine q35 -m 256 -nodefaults -no-user-config -display none -no-reboot -kernel "$kernel" -append 'console=ttyS0 panic=-1' \
      -serial "file:$log" > /dev/null 2>&1 & probe=$!
    for _ in $(seq 50); do
      if grep -q 'Linux version' "$log"; then kill $probe; wait $probe 2> /dev/null || true; rm "$log"; echo kvm; return; fi
      kill -0 $probe 2> /dev/null || break
      sleep 0.2
    done
    kill $probe 2> /dev/null || true
    wait $probe 2> /dev/null || true
    rm "$log"
  fi
  echo tcg
}

boot() {
  local port="$1" accel="$2" cpu=max
  [ "$accel" = tcg ] && accel=tcg,thread=multi || cpu=host
  mkdir -p "$state/tpm"
  rm -f "$state/tpm.sock" "$state/qmp.sock"
  local file strings=()
  for file in "$state"/smbios/*; do strings+=(-smbios "type=11,path=$file"); done
  swtpm socket --tpm2 --tpmstate dir="$state/tpm" --ctrl type=unixio,path="$state/tpm.sock" --terminate > "$state/swtpm.log" 2>&1 &
  for _ in $(seq 50); do [ -S "$state/tpm.sock" ] && break; sleep 0.1; done
  exec qemu-system-x86_64 -name holdfast -nodefaults -no-user-config -display none -no-reboot \
    -machine q35,smm=on -accel "$accel" -cpu "$cpu" -smp 2 -m 512 -global driver=cfi.pflash01,property=secure,value=on \
    -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd \
    -drive if=pflash,format=raw,unit=1,file="$state/vars.fd" \
    -chardev socket,id=tpm,path="$state/tpm.sock" -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0 \
    -drive if=none,id=system,format=raw,file="$state/system.img" -device virtio-blk-pci,drive=system,bootindex=0 \
    -drive if=none,id=data,format=raw,discard=unmap,file="$state/data.img" -device virtio-blk-pci,drive=data \
    -netdev user,id=net,hostfwd=tcp:127.0.0.1:"$port"-:443 -device virtio-net-pci,netdev=net,romfile= \
    -device virtio-rng-pci -smbios type=1,uuid="$(cat "$state/machine-uuid")" \
    "${strings[@]}" \
    -qmp unix:"$state/qmp.sock",server=on,wait=off -serial "file:$state/console.log"
}

spki() {
  local port="$1" print="$2" work
  work="$(mktemp -d)"
  trap 'rm -rf '"'$work'" EXIT
  openssl s_client -connect "127.0.0.1:$port" -servername localhost < /dev/null 2> /dev/null | openssl x509 -outform der > "$work/cert"
  [ "SHA256:$(openssl dgst -sha256 -binary "$work/cert" | base64 | tr -d =)" = "$print" ] || { echo "the certificate at port $port is not the console's" >&2; exit 1; }
  openssl x509 -inform der -in "$work/cert" -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
}

command="$1"
shift 2
"$command" "$@"
