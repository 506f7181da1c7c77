# One build inside a tree: $script runs under bash with $out to fill.
export HOME=/tmp LC_ALL=C TZ=UTC PATH=/usr/sbin:/usr/bin
umask 022
begin=$($bootstrap/busybox date +%s)
export begin
$bootstrap/busybox ash -eu "$enter" "$tree" /usr/bin/bash -euo pipefail "$scriptPath"
