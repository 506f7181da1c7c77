# Unpack $debs into $out with busybox alone. Maintainer scripts do not run, so what they would link is linked here.
$bootstrap/busybox mkdir bin
$bootstrap/busybox --install -s "$PWD/bin"
export PATH="$PWD/bin"
umask 022
mkdir -p "$out"
for link in bin lib lib64 sbin; do
  mkdir -p "$out/usr/$link"
  ln -s "usr/$link" "$out/$link"
done
unpack() {
  # Permissions are not taken over: the sandbox forbids setuid files, and the store keeps only the executable bit.
  ar p "$1" data.tar.xz | xz -dc | tar x --no-same-permissions -C "$out" -f -
}
for deb in $debs; do
  unpack "$deb" || { echo "cannot unpack $deb" >&2; exit 1; }
done
mkdir -p "$out/proc" "$out/dev" "$out/sys" "$out/tmp" "$out/run" "$out/nix" "$out/build" "$out/var/tmp" "$out/etc" "$out/host"
link() { # target name: only where the target came and the name did not
  if [ -e "$out/usr/bin/$1" ] && [ ! -e "$out/usr/bin/$2" ]; then ln -s "$1" "$out/usr/bin/$2"; fi
}
link dash sh
link bash sh
link gawk awk
link mawk awk
link gcc cc
link g++ c++
printf 'root:x:0:0:root:/build:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$out/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$out/etc/group"
printf '127.0.0.1 localhost portal.localhost\n::1 localhost portal.localhost\n' > "$out/etc/hosts"
printf 'hosts: files dns\n' > "$out/etc/nsswitch.conf"
