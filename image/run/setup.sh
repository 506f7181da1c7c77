# Sourced by ./run and ./check: Nix where it is missing, its settings, and every pinned input. $root is the working tree.
say() { printf '\033[1m%s\033[0m\n' "holdfast: $*" >&2; }
stop() { printf 'holdfast: %s\n' "$*" >&2; exit 1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo > /dev/null; then sudo "$@"; else return 127; fi; }

install_from_apt() { # packages
  command -v apt-get > /dev/null || stop "missing: $*. This system has no apt-get: install Nix (2.8 or newer), Python 3 and git by its own means, then start again."
  say "installing $* by apt-get"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q > /dev/null || stop "apt-get update failed: check /etc/apt and the network, or run as root"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" > /dev/null \
    || stop "apt-get could not install $*: run \`apt-get install $*\` to see why"
}

case "$root${state:-}" in
  *[[:space:],]*) stop "the path $root has a space or a comma, which Nix 2.8 and QEMU do not take: use another folder" ;;
esac

missing=()
command -v nix > /dev/null || missing+=(nix-bin)
command -v python3 > /dev/null || missing+=(python3)
command -v git > /dev/null || missing+=(git)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ] && ! command -v nix > /dev/null; then missing+=(nix-setup-systemd); fi
  install_from_apt "${missing[@]}"
fi

settings="experimental-features = nix-command flakes
substitute = false
max-jobs = auto
cores = $(nproc)
warn-dirty = false"
if [ "$(id -u)" = 0 ]; then
  settings="$settings
sandbox = true"
  # Single-user Nix as root, as Debian's nix-bin alone gives it: root builds, inside the sandbox.
  [ -S /nix/var/nix/daemon-socket/socket ] || settings="$settings
build-users-group ="
else
  socket=/nix/var/nix/daemon-socket
  if [ -d "$socket" ] && [ ! -x "$socket" ]; then
    stop "you may not speak to this machine's Nix: \`sudo usermod -aG nix-users $(id -un)\`, log in again, and start again"
  fi
  if ! env -u NIX_CONFIG nix --extra-experimental-features nix-command show-config 2> /dev/null | grep -qx 'sandbox = true'; then
    stop "this machine's Nix builds without a sandbox: write \`sandbox = true\` into /etc/nix/nix.conf, restart nix-daemon, and start again"
  fi
fi
export NIX_CONFIG="$settings${NIX_CONFIG:+
$NIX_CONFIG}"
# Nix reads a flake by git; a tree that another user owns (a mount, a CI's clone) is the caller's own choice here.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$root"

nix_build() { # folder attribute...: builds all, and leaves a link for each, by its last name, in the folder
  local folder="$1" attribute
  shift
  mkdir -p "$folder"
  nix build -L --keep-going --no-link "${@/#/$root#}"
  for attribute in "$@"; do nix build --out-link "$folder/${attribute##*.}" "$root#$attribute"; done
}

fetch_inputs() { (cd "$root" && python3 image/debian/fetch "$@"); }
