# The same build as build.sh of image/debian, met by another world: other clock, directory order, host name, umask,
# language, number of processors, and inputs at other places, made in another order, linked where the store's are not.
#   $ordinary    image/debian/build.sh      $otherworld  the preloaded library
#   $cores       processors of this build   $inputs      names of the variables whose folders are copied
#   $elsewhere   1: build in another folder too
bb="$bootstrap/busybox"
if [ "${1:-}" != inside ]; then
  exec "$bb" unshare -U -m -u -r "$bb" ash -eu "$0" inside
fi
"$bb" hostname another-builder
umask 077
export NIX_BUILD_CORES="$cores" HOLDFAST_ENTERED=1

here="$PWD"
for name in $inputs; do
  eval "from=\$$name"
  [ -d "$from" ] || continue
  to="$here/inputs of another store/$name"
  to="$("$bb" echo "$to" | "$bb" tr ' ' -)"
  "$bb" mkdir -p "$to"
  # Last names first: the order in which a folder's entries were made.
  (cd "$from" && "$bb" find . -type d) | "$bb" sort -r | while IFS= read -r folder; do "$bb" mkdir -p "$to/$folder"; done
  (cd "$from" && "$bb" find . ! -type d) | "$bb" sort -r | while IFS= read -r file; do "$bb" cp -a "$from/$file" "$to/$file"; done
  # Nix's store has equal files either as hard links of each other, or not; here it is the other way round.
  linked="$("$bb" find "$from" -type f -links +1 | "$bb" head -n1)"
  if [ -z "$linked" ]; then
    "$bb" find "$to" -type f | "$bb" sort | "$bb" tr '\n' '\0' | "$bb" xargs -0 "$bb" sha256sum | "$bb" sort | {
      last='' first=''
      while read -r sum file; do
        # Only where both may be run, or neither: a link has one mode.
        key="$sum $([ -x "$file" ] && echo x || echo -)"
        if [ "$key" = "$last" ]; then "$bb" ln -f "$first" "$file"; else last="$key" first="$file"; fi
      done
    }
  fi
  echo "varied: $name at $to, $("$bb" find "$to" -type f -links +1 | "$bb" wc -l) files linked, in the store $("$bb" find "$from" -type f -links +1 | "$bb" wc -l)"
  export "$name=$to"
done
if [ "$elsewhere" = 1 ]; then
  "$bb" mkdir -p "$here/quite/another/folder"
  cd "$here/quite/another/folder"
  export HOLDFAST_BIND="$here"
fi
echo "varied: host $("$bb" hostname), umask $(umask), $cores processors, in $PWD"
export LANG=tr_TR.UTF-8 USER=somebody LOGNAME=somebody
# 400 days, 7 hours and a bit ahead.
export LD_PRELOAD="$otherworld/otherworld.so" HOLDFAST_CLOCK_SHIFT=34585297
pin=
if [ "$cores" = 1 ]; then pin="$bb taskset 1"; fi
exec $pin "$bb" ash -eu "$ordinary"
