# The check `sign`: by a key in a file and by a key in a PKCS#11 token; what must be refused; what must stay as it was.
# $image: the built image's folder. $sign: sign.sh.
sign() { bash -euo pipefail "$sign" "$@"; }
refused() { # words that the refusal must hold, then the command
  local words="$1"
  shift
  if sign "$@" > said 2>&1; then echo "signed, but should have refused: $words"; exit 1; fi
  grep -q "$words" said || { cat said; echo "the refusal does not say: $words"; exit 1; }
}
pair() { openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=Holdfast TEST $1/" -keyout "$1.key" -out "$1.pem" 2> /dev/null; }
uki() { mcopy -n -o -i "$1@@1048576" ::/EFI/BOOT/BOOTX64.EFI "$2"; }
export MTOOLS_SKIP_CHECK=1
pair one
pair two
cp --no-preserve=mode "$image/disk.img" in.img
before="$(sha256sum < in.img)"

sign --key one.key --cert one.pem in.img file.img > said
grep -q "root hash  $(cat "$image/roothash")" said
grep -q "$(sha256sum < file.img | cut -d' ' -f1)" said
uki file.img file.efi
sbverify --cert one.pem file.efi > /dev/null
if sbverify --cert two.pem file.efi > /dev/null 2>&1; then echo "verifies with a foreign certificate"; exit 1; fi
[ "$before" = "$(sha256sum < in.img)" ]
# Outside the ESP nothing differs.
cmp <(tail -c +$((65 * 1048576 + 1)) in.img) <(tail -c +$((65 * 1048576 + 1)) file.img)
cmp <(head -c 1048576 in.img) <(head -c 1048576 file.img)

export SOFTHSM2_CONF="$PWD/softhsm.conf"
mkdir tokens
echo "directories.tokendir = $PWD/tokens" > softhsm.conf
softhsm2-util --init-token --free --label release --pin 1234 --so-pin 5678 > /dev/null
pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin 1234 --keypairgen --key-type rsa:2048 --label db --id 01 > /dev/null 2>&1
printf 1234 > pin
key="pkcs11:token=release;object=db;type=private;pin-source=file:$PWD/pin"
PKCS11_MODULE_PATH=/usr/lib/softhsm/libsofthsm2.so openssl req -engine pkcs11 -keyform engine -key "$key" -new -x509 -days 30 \
  -subj "/CN=Holdfast TEST token/" -out token.pem 2> /dev/null
sign --key "$key" --cert token.pem in.img token.img > /dev/null
uki token.img token.efi
sbverify --cert token.pem token.efi > /dev/null

refused 'private key of CERT' --key one.key --cert two.pem in.img bad.img
refused 'signed already' --key one.key --cert one.pem file.img bad.img
refused 'cannot read the key' --key none.key --cert one.pem in.img bad.img
refused 'PKCS#11 module' --module /none.so --key "$key" --cert token.pem in.img bad.img
truncate -s 1M empty.img
refused 'no EFI system partition' --key one.key --cert one.pem empty.img bad.img
[ ! -e bad.img ]
echo "figure: signed by file and by PKCS#11 token, 5 refusals, $(( $(date +%s) - begin )) s"
touch "$out"
