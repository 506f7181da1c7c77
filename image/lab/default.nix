# The image of the tests that need something inside the machine to go wrong: the released root, file by file, and beside it a
# few units and one program of Debian's. The released image has no back door, so what hangs a process there must be brought.
{ debian, appliance, units, kernel, released, version }:
let
  # So that nobody takes it for the released one.
  labelled = "${version}-lab";
  root = import ../root {
    inherit debian appliance version;
    units = debian.run {
      name = "lab-units";
      tree = debian.tree "image";
      env = { inherit units; more = ./units; };
      script = ''
        cp -r --no-preserve=mode "$units" "$out"
        cp -r --no-preserve=mode "$more" "$out/lab"
        cat "$more/units.list" >> "$out/units.list"
      '';
    };
  };
  # Nothing of the released root is missing or altered: each line of its manifest (kind, path, mode and size, hash or target) is
  # one of this. Why a file is there may differ: a library has one more program that needs it.
  compared = debian.run {
    name = "holdfast-lab-root";
    tree = debian.tree "image";
    env = { inherit released; made = root; };
    script = ''
      for name in made released; do cut -f 1-4 "''${!name}/manifest.tsv" > "$name.tsv"; done
      if grep -vxFf made.tsv released.tsv; then echo "the lab's root differs from the released one in the lines above"; exit 1; fi
      mkdir "$out"
      cp "$made"/* "$out"/
      echo "figure: $(grep -c . released.tsv) files as released, $(grep -vcxFf released.tsv made.tsv) more"
    '';
  };
  uki = import ../disk/verity.nix { inherit debian kernel; version = labelled; root = compared; };
in
import ../disk { inherit debian uki; version = labelled; root = compared; }
