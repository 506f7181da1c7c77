# The torture: `nix run .#torture`, the test that kills the process at any moment, with as many seeds as wanted.
{ debian, rust }:
let
  tree = debian.tree "rust";

  program = rust.cargo {
    name = "holdfast-torture";
    script = ''
      # Among the whole workspace: so it is linked from the dependencies that are there.
      cargo test --workspace --release --no-run --test appliance --message-format=json > built
      test=$(sed -n 's/.*"name":"appliance".*"executable":"\([^"]*\)".*/\1/p' built | tail -n 1)
      install -Dm755 "$test" "$out/bin/appliance-test"
      echo "figure: holdfast-torture, $(( $(date +%s) - begin )) s"
    '';
  };
in
{
  inherit program;

  app = import ./app.nix {
    inherit debian tree;
    name = "torture";
    script = ./torture.sh;
    env = {
      HOLDFAST_BIN = "${rust.appliance}/bin/holdfast";
      HOLDFAST_TORTURE = "${program}/bin/appliance-test";
    };
  };
}
