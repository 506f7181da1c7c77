# The image of the tests that need something inside the machine to go wrong: the released root, file by file, and beside it a
# few units and one program of Debian's. The released image has no back door, so what hangs a process there must be brought.
{ debian, appliance, units, kernel, released, version }:
let
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
  # Nothing of the released root is missing or altered: each line of its manifest, hashes included, is one of this.
  compared = debian.run {
    name = "holdfast-lab-root";
    tree = debian.tree "image";
    env = { inherit root released; };
    script = ''
      if grep -vxFf "$root/manifest.tsv" "$released/manifest.tsv"; then echo "the lab's root differs from the released one in the lines above"; exit 1; fi
      mkdir "$out"
      cp "$root"/* "$out"/
      echo "figure: $(grep -c . "$released/manifest.tsv") files as released, $(grep -vcxFf "$released/manifest.tsv" "$root/manifest.tsv") more"
    '';
  };
  uki = import ../disk/verity.nix { inherit debian kernel version; root = compared; };
in
import ../disk { inherit debian uki version; root = compared; }
