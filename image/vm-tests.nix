# The tests of the machine, compiled: one program for each file of vm-tests/tests.
{ rust }:
rust.cargo {
  name = "vm-tests";
  script = ''
    cargo test -p holdfast-vm-tests --release --no-run 2>&1 | tee log
    mkdir "$out"
    sed -n 's|.*Executable tests/\([a-z0-9_]*\)\.rs (\(.*\))|\1 \2|p' log | while read -r name program; do cp "$program" "$out/$name"; done
    [ -n "$(ls "$out")" ]
  '';
}
