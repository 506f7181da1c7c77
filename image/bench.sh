# Inside the pinned tree: what `nix run .#bench` measures. Needs no root, two CPUs, and some minutes.
usage() {
  cat <<'HELP'
nix run .#bench -- [static|connection|site|store|people] [OPTIONS]

Without a word: all of it. Holdfast and Debian's nginx share one CPU, the load has another; keep the machine idle meanwhile.
`store` measures the sealed store against plain redb, in a temporary folder (TMPDIR), and needs some 3 GB there.
`people` measures sign-ins by passkeys, durable and alone, sessions, and whether a name takes another time than none.

  --json FILE      write the rows: {"rows":[{"name","peer","ours","theirs","ratio"}]}; a ratio of 1 or more: ours is better
  --quick          one-second rounds, three of each, 1000 files: a first look
  --seconds N      length of a round (default 3)
  --rounds N       rounds of each row, the median counts (default 5)
  --only TEXT      only the comparisons whose name contains TEXT
  --files N        files of the site's rows (default 20000)
  --site DIR       their tree (default: Debian's rust-doc)
HELP
}
what=all json=() seconds=3 rounds=5 only=() files=20000 site=/usr/share/doc/rust-doc/html
while [ $# -gt 0 ]; do
  case "$1" in
    static | connection | site | store | people) what="$1" ;;
    --quick) seconds=1 rounds=3 files=1000 ;;
    --json) json=(--json "${2:?--json wants a file}"); shift ;;
    --seconds) seconds="${2:?--seconds wants a number}"; shift ;;
    --rounds) rounds="${2:?--rounds wants a number}"; shift ;;
    --only) only=(--only "${2:?--only wants a text}"); shift ;;
    --files) files="${2:?--files wants a number}"; shift ;;
    --site) site="${2:?--site wants a folder}"; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "bench: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
versus=(--nginx /usr/sbin/nginx --seconds "$seconds" --rounds "$rounds" "${only[@]}")
tree=("$site" --files "$files")
case "$what" in
  all) arguments=("${tree[@]}" "${versus[@]}") ;;
  site) arguments=("${tree[@]}") ;;
  store) exec "$HOLDFAST_BENCH" store --rounds "$rounds" "${json[@]}" ;;
  people) exec "$HOLDFAST_BENCH" people --seconds "$seconds" --rounds "$rounds" "${json[@]}" ;;
  *) arguments=("${versus[@]}") ;;
esac
# The program ends its servers; should it be killed, the kernel ends them.
TMPDIR="$(mktemp -d "${TMPDIR:-/tmp}/holdfast-bench.XXXXXX")"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$HOLDFAST_BENCH" "$what" "${arguments[@]}" --holdfast "$HOLDFAST_BIN" "${json[@]}"
