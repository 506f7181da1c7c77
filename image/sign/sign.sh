# Sign an image outside the store: the UKI in its ESP gets a Secure Boot signature, nothing else changes.
usage() {
  cat <<'HELP'
sign --key KEY --cert CERT IN OUT

  Signs the UKI inside the disk image IN for Secure Boot and writes the signed image to OUT. IN is `disk.img` of
  `nix build .#image`; it is never changed. Prints the root hash and the SHA-256 of what was written.

  --key KEY      private key, a PEM file; or a PKCS#11 address such as
                 "pkcs11:token=release;object=db;type=private;pin-source=file:/home/me/pin"
  --cert CERT    its certificate, PEM; the firmware's db must hold it
  --module FILE  the PKCS#11 module that reaches the key. It runs beside the pinned tools, so it must not lie below
                 /usr, /lib, /etc or /var: copy it to a folder such as /opt. Without it: SoftHSM.

  Make a throw-away pair:
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=My Holdfast key" -keyout key.pem -out cert.pem
HELP
}
fail() { echo "sign: $1" >&2; exit 2; }
key='' cert='' module=/usr/lib/softhsm/libsofthsm2.so engine=() files=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --key) key="${2:-}"; shift 2 || fail "--key wants a file" ;;
    --cert) cert="${2:-}"; shift 2 || fail "--cert wants a file" ;;
    --module) module="${2:-}"; shift 2 || fail "--module wants a file" ;;
    -*) fail "unknown option $1; see --help" ;;
    *) files+=("$1"); shift ;;
  esac
done
[ ${#files[@]} = 2 ] && [ -n "$key" ] && [ -n "$cert" ] || { usage >&2; exit 2; }
in="${files[0]}" out="${files[1]}"
[ -r "$in" ] || fail "cannot read the image $in"
[ -r "$cert" ] || fail "cannot read the certificate $cert"
case "$key" in
  pkcs11:*)
    [ -r "$module" ] || fail "cannot read the PKCS#11 module $module"
    engine=(--engine pkcs11)
    export PKCS11_MODULE_PATH="$module"
    ;;
  *) [ -r "$key" ] || fail "cannot read the key $key" ;;
esac
work="$(mktemp -d)"
trap 'rm -rf "$work" "$out.part"' EXIT
[ "$(realpath -m "$in")" != "$(realpath -m "$out")" ] || fail "IN and OUT are one file: the image that came out of the build stays as it is"
start="$(sfdisk --json "$in" 2> /dev/null | jq -r '.partitiontable.partitions[] | select(.type == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B") | .start' | head -n1 || true)"
[ -n "$start" ] || fail "$in has no EFI system partition: is it the disk.img of \`nix build .#image\`?"
cp --sparse=always --no-preserve=mode "$in" "$out.part"
esp="$out.part@@$((start * 512))"
export MTOOLS_SKIP_CHECK=1
mcopy -n -i "$esp" ::/EFI/BOOT/BOOTX64.EFI "$work/unsigned.efi" || fail "no UKI in the ESP of $in"
if sbverify --list "$work/unsigned.efi" 2>/dev/null | grep -q '^signature'; then fail "$in is signed already: sign the image that came out of the build"; fi
sbsign "${engine[@]}" --key "$key" --cert "$cert" --output "$work/signed.efi" "$work/unsigned.efi" 2> "$work/log" \
  || { cat "$work/log" >&2; fail "sbsign refused: is KEY the private key of CERT?"; }
sbverify --cert "$cert" "$work/signed.efi" > /dev/null 2>&1 || fail "the signature does not verify with $cert: is KEY the private key of CERT?"
mcopy -o -n -i "$esp" "$work/signed.efi" ::/EFI/BOOT/BOOTX64.EFI || fail "the ESP is full"
mv "$out.part" "$out"
objcopy -O binary --only-section=.cmdline "$work/signed.efi" "$work/cmdline" 2>/dev/null || strings -n 40 "$work/signed.efi" | grep -m1 'dm-mod.create' > "$work/cmdline"
echo "root hash  $(tr -d '\0' < "$work/cmdline" | grep -oE 'sha256 [0-9a-f]{64}' | cut -d' ' -f2)"
echo "UKI        SHA-256 $(sha256sum < "$work/signed.efi" | cut -d' ' -f1)"
echo "image      SHA-256 $(sha256sum < "$out" | cut -d' ' -f1)  $out"
