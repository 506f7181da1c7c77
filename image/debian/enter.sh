# Run a command with a tree as the root of the file system, in a user and mount namespace of its own.
#   busybox ash enter.sh TREE COMMAND...
# Environment: bootstrap (folder of busybox), HOLDFAST_BIND (further host paths to show at the same place).
# Works inside the Nix sandbox and on a host, as root or not.
bb="$bootstrap/busybox"
if [ "${HOLDFAST_ENTERED:-}" != 1 ]; then
  if ! "$bb" unshare -U -m -r "$bb" true 2>/dev/null; then
    echo "error: this system forbids user namespaces inside a build, which Holdfast's builder needs to give Debian's tools their usual root." >&2
    for setting in kernel/unprivileged_userns_clone=1 user/max_user_namespaces=1000 kernel/apparmor_restrict_unprivileged_userns=0; do
      file="/proc/sys/${setting%%=*}"
      [ -r "$file" ] && echo "  now: $("$bb" echo "${setting%%=*}" | "$bb" tr / .) = $("$bb" cat "$file")" >&2
    done
    echo "Way out: \`sysctl -w kernel.unprivileged_userns_clone=1\` (Debian), \`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\` (Ubuntu), or \`sysctl -w user.max_user_namespaces=10000\`, whichever is shown above with a forbidding value; in a container, allow the unshare and mount system calls." >&2
    exit 78
  fi
  HOLDFAST_ENTERED=1 exec "$bb" unshare -U -m -r "$bb" ash -eu "$0" "$@"
fi
tree="$1"
shift
unset HOLDFAST_ENTERED
here="$PWD"
# The tree has an empty folder for this, so that nothing is left behind.
root="$tree/host"
"$bb" mount -t tmpfs -o mode=755 tmpfs "$root"
for link in bin lib lib64 sbin; do "$bb" ln -s "usr/$link" "$root/$link"; done
show() { # source [place]
  if [ -d "$1" ]; then
    "$bb" mkdir -p "$root${2:-$1}"
  else
    "$bb" mkdir -p "$root$("$bb" dirname "${2:-$1}")"
    : > "$root${2:-$1}"
  fi
  "$bb" mount -o rbind "$1" "$root${2:-$1}"
}
show "$tree/usr" /usr
"$bb" mkdir -p "$root/etc" "$root/run" "$root/var/tmp"
for entry in "$tree"/etc/*; do "$bb" ln -s "$entry" "$root/etc/${entry##*/}"; done
for entry in "$tree"/var/*; do [ "${entry##*/}" = tmp ] || "$bb" ln -s "$entry" "$root/var/${entry##*/}"; done
show /nix
show /proc
show /dev
show /tmp
[ ! -d /sys ] || show /sys
for bind in "$here" ${HOLDFAST_BIND:-}; do
  case "$bind/" in /tmp/* | /nix/* | /) ;; *) [ ! -e "$bind" ] || show "$bind" ;; esac
done
exec "$bb" chroot "$root" "$bb" ash -c 'cd "$0" && exec "$@"' "$here" "$@"
