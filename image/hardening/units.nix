# Every service of the image under `systemd-analyze security`, against the committed table of scores.
{ debian, root }:
debian.run {
  name = "unit-scores";
  tree = debian.tree "image";
  env = {
    rootfs = root;
    systemd = debian.tree "root";
    scores = ./unit-scores.txt;
    compare = ./compare.py;
  };
  script = ''
    # systemd-analyze stays a tool of the build: it runs by its own loader, beside the image's files.
    analyze() {
      local libraries="$systemd/usr/lib/x86_64-linux-gnu"
      "$systemd/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/systemd" "$systemd/usr/bin/systemd-analyze" "$@"
    }
    fsck.erofs --extract=image "$rootfs/root.erofs" > /dev/null
    (cd image/usr/lib/systemd/system && ls ./*.service | sed 's|^\./||') > units
    [ "$(wc -l < units)" -gt 5 ]
    while read -r unit; do
      analyze security --offline=true --root="$PWD/image" --no-pager "$unit" > report
      score=$(sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p' report)
      [ -n "$score" ] || { cat report; echo "no score for $unit"; exit 1; }
      echo "$unit $score"
      [ "$score" = 0.0 ] || grep '^- ' report | cut -c1-140 >&2
    done < units > found
    cat found
    python3 $compare units "$scores" found
    echo "figure: $(grep -c . found) units; holdfast.service $(sed -n 's/^holdfast\.service //p' found); with a reason above 2.5: $(awk '$2 > 2.5 { printf "%s ", $1 }' found), $(( $(date +%s) - begin )) s"
    touch "$out"
  '';
}
