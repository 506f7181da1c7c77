# Assemble the root: what units.list names, the libraries that those programs need, and our binary. Then one erofs.
#   $debian   unpacked Debian packages      $units    hardening/systemd
#   $binary   the holdfast binary           $version  of the release
#   $probe    the program of the sandbox check
root="$PWD/root"
why="$PWD/why"
: > "$why"
note() { printf '%s\t%s\n' "$1" "$2" >> "$why"; }
take() { # path reason: one file or link of Debian's packages
  [ -e "$debian$1" ] || [ -L "$debian$1" ] || { echo "units.list names $1, which no pinned package has"; exit 1; }
  mkdir -p "$root$(dirname "$1")"
  cp -P --no-preserve=mode,ownership,timestamps "$debian$1" "$root$1"
  if [ -x "$debian$1" ] && [ ! -L "$debian$1" ]; then chmod 755 "$root$1"; fi
  note "$1" "$2"
}

mkdir -p "$root"/usr/{bin,lib,lib64,sbin,share} "$root"/{etc,var}
for link in bin lib lib64 sbin; do
  ln -s "usr/$link" "$root/$link"
  note "/$link" "merged /usr"
done

while read -r kind path rest; do
  case "$kind" in
    keep) take "$path" "${rest#— }" ;;
    file)
      install -Dm644 "$units/$rest" "$root$path"
      note "$path" "hardening/systemd/$rest"
      ;;
    link)
      mkdir -p "$root$(dirname "$path")"
      ln -s "$rest" "$root$path"
      note "$path" "link of units.list"
      ;;
    wants)
      mkdir -p "$root/usr/lib/systemd/system/$path.wants"
      [ -e "$root/usr/lib/systemd/system/$rest" ] || { echo "units.list: $path wants $rest, which is not in the image"; exit 1; }
      ln -s "../$rest" "$root/usr/lib/systemd/system/$path.wants/$rest"
      note "/usr/lib/systemd/system/$path.wants/$rest" "$path wants it"
      ;;
    dir)
      mkdir -p "$root$path"
      chmod "${rest%% *}" "$root$path"
      ;;
    "" | \#*) ;;
    *) echo "units.list: unknown word $kind"; exit 1 ;;
  esac
done < "$units/units.list"

install -Dm755 "$binary" "$root/usr/bin/holdfast"
note /usr/bin/holdfast "the one process, and its two narrow helpers"
install -Dm755 "$probe" "$root/usr/lib/holdfast/sandbox-probe"
note /usr/lib/holdfast/sandbox-probe "tries one act that the server must not be able to do, at each start"

# Libraries: what the programs say that they need, and what those need in turn. Optional ones that systemd would open at
# run time (compression, passwords, containers, TPM tools) stay out.
is_elf() { [ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]; }
needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
queue=()
while IFS= read -r file; do if is_elf "$file"; then queue+=("${file#"$root"}"); fi; done < <(find "$root" -type f -perm -100 | sort)
if [ ${#queue[@]} -gt 1 ]; then take /usr/lib64/ld-linux-x86-64.so.2 "loader of the dynamic programs"; take /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "loader"; fi
while [ ${#queue[@]} -gt 0 ]; do
  program="${queue[0]}"
  queue=("${queue[@]:1}")
  for library in $(needed "$root$program"); do
    found=
    for folder in /usr/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu/systemd /usr/lib/systemd; do
      if [ -e "$debian$folder/$library" ]; then found="$folder/$library"; break; fi
    done
    [ -n "$found" ] || { echo "$program needs $library, which no pinned package has"; exit 1; }
    [ ! -e "$root$found" ] || continue
    target="$found"
    while [ -L "$debian$target" ]; do
      take "$target" "needed by $program"
      target="$(realpath -ms "$(dirname "$target")/$(readlink "$debian$target")")"
    done
    [ -e "$root$target" ] || take "$target" "needed by $program"
    chmod 755 "$root$target"
    queue+=("$target")
  done
done

cat > "$root/usr/lib/os-release" <<RELEASE
ID=holdfast
NAME=Holdfast
VERSION_ID=$version
PRETTY_NAME="Holdfast $version"
BUILD_ID=$SOURCE_DATE_EPOCH
RELEASE
ln -s ../usr/lib/os-release "$root/etc/os-release"
note /usr/lib/os-release "name and version"
note /etc/os-release "link"
: > "$root/usr/lib/clock-epoch"
note /usr/lib/clock-epoch "its time is the build time: the clock never runs below it"

# What would break the bits: link counts, directory order, times, owners, UUID. A sorted tar hides them all.
tar --sort=name --mtime=@"$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --hard-dereference --format=posix \
  --pax-option=delete=atime,delete=ctime -C "$root" -cf root.tar .
mkdir "$out"
mkfs.erofs --quiet --tar=f --sort=path -T"$SOURCE_DATE_EPOCH" -U 00000000-0000-4000-8000-000000000000 -zlz4hc,level=12 -C65536 \
  --workers=1 "$out/root.erofs" root.tar

# The manifest: every file, and why it is there.
(
  cd "$root"
  find . -mindepth 1 \( -type f -o -type l -o -type d -empty \) | LC_ALL=C sort | while IFS= read -r file; do
    path="${file#.}"
    reason="$(awk -F'\t' -v path="$path" '$1 == path { print $2; exit }' "$why")"
    if [ -L "$file" ]; then printf 'link\t%s\t%s\t-\t%s\n' "$path" "$(readlink "$file")" "$reason"
    elif [ -d "$file" ]; then printf 'dir\t%s\t%s\t-\t%s\n' "$path" "$(stat -c %a "$file")" "mount point"
    else
      kind=file
      if is_elf "$file"; then case "$path" in *.so | *.so.*) kind=library ;; *) kind=program ;; esac; fi
      printf '%s\t%s\t%s %s\t%s\t%s\n' "$kind" "$path" "$(stat -c %a "$file")" "$(stat -c %s "$file")" "$(sha256sum < "$file" | cut -d' ' -f1)" "$reason"
    fi
  done
) > "$out/manifest.tsv"
awk -F'\t' '$5 == "" { print "no reason in the manifest: " $2; bad = 1 } END { exit bad }' "$out/manifest.tsv"
echo "figure: root $(stat -c %s "$out/root.erofs") bytes, $(grep -c ^program "$out/manifest.tsv") programs, $(grep -c ^library "$out/manifest.tsv") libraries, $(grep -c . "$out/manifest.tsv") files"
