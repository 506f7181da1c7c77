# A program of this flake for the host: `script` (bash) runs inside a pinned tree, with the host's folders in view.
{ debian, name, tree, script, env ? { } }:
debian.busybox {
  name = "holdfast-${name}";
  script = builtins.toFile "app.sh" ''
    b=$bootstrap/busybox
    $b mkdir -p "$out/bin"
    {
      echo '#!/bin/sh'
      echo "# Holdfast: $app, with the pinned tools."
      echo "export bootstrap='$bootstrap'"
      echo "$exports"
      echo 'case "$PWD/" in /usr/* | /etc/* | /var/* | /bin/* | /lib* | /sbin/* | /boot/* | /run/*)'
      echo "  echo \"$app: cannot work below \$PWD, where the pinned tools have their own files: call it from another folder\" >&2; exit 2 ;; esac"
      echo 'HOLDFAST_BIND='
      echo 'for folder in /*; do'
      echo '  case "$folder" in /bin | /boot | /dev | /etc | /lib* | /lost+found | /nix | /proc | /run | /sbin | /sys | /tmp | /usr | /var) ;;'
      echo '    *) HOLDFAST_BIND="$HOLDFAST_BIND $folder" ;; esac'
      echo 'done'
      echo 'export HOLDFAST_BIND PATH=/usr/sbin:/usr/bin LC_ALL=C'
      echo "exec '$bootstrap/busybox' ash -eu '$enter' '$tree' /usr/bin/bash -euo pipefail '$program' \"\$@\""
    } > "$out/bin/$app"
    $b chmod 755 "$out/bin/$app"
  '';
  env = {
    inherit tree;
    app = name;
    enter = ./debian/enter.sh;
    program = script;
    exports = builtins.concatStringsSep "\n" (map (key: "export ${key}='${env.${key}}'") (builtins.attrNames env));
  };
}
