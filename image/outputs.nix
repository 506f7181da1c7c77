# The flake's outputs, each from a file of its own.
{ }:
let
  system = "x86_64-linux";
  version = (builtins.fromTOML (builtins.readFile ../Cargo.toml)).workspace.package.version;
  debian = import ./debian { inherit system; };
  folder = name: path: builtins.path { inherit name path; };

  kernel = import ./kernel.nix { inherit debian; config = folder "kernel-config" ../hardening/kernel; };
  rust = import ./rust.nix { inherit debian; };
  root = import ./root {
    inherit debian version;
    inherit (rust) appliance;
    units = folder "systemd-units" ../hardening/systemd;
  };
  uki = import ./disk/verity.nix { inherit debian root kernel version; };
  image = import ./disk { inherit debian root uki version; };
  docs = import ./docs.nix { inherit debian; docs = folder "docs" ../docs; };

  machineTree = debian.tree "machine";
  machine = import ./app.nix {
    inherit debian;
    name = "machine";
    tree = machineTree;
    script = ./run/machine.sh;
    env.HOLDFAST_SIGN = ./sign/sign.sh;
  };
  sign = import ./app.nix {
    inherit debian;
    name = "sign";
    tree = machineTree;
    script = ./sign/sign.sh;
  };
  # Programs of host tools alone; they find the working tree from the current folder.
  host = { name, run }: debian.busybox {
    name = "holdfast-${name}";
    script = builtins.toFile "host.sh" ''
      $bootstrap/busybox mkdir -p "$out/bin"
      printf '#!/bin/sh\n%s\n' "$run" > "$out/bin/$app"
      $bootstrap/busybox chmod 755 "$out/bin/$app"
    '';
    env = { app = name; inherit run; };
  };

  checks = {
    inherit (rust) fmt clippy unit;
  } // import ./checks.nix { inherit debian rust root uki image kernel machineTree docs; };
  app = program: { type = "app"; inherit program; };
in
{
  packages.${system} = { inherit kernel image; inherit (rust) appliance; };
  checks.${system} = checks;
  apps.${system} = {
    run = app "${host { name = "run"; run = ''HOLDFAST_ROOT="${../.}" exec bash "${../.}/image/run/run.sh" "$@"''; }}/bin/run";
    sign = app "${sign}/bin/sign";
    # These two must work on a clone that has fetched nothing: they are files of the flake, run by the host's Python.
    fetch = app "${folder "holdfast-debian" ./debian}/fetch";
    relock = app "${folder "holdfast-debian" ./debian}/relock";
  };
  legacyPackages.${system} = {
    inherit (rust) vendor dependencies;
    inherit root uki docs machine;
    trees = builtins.listToAttrs (map (name: { inherit name; value = debian.tree name; })
      (builtins.attrNames (builtins.fromJSON (builtins.readFile ./debian/closures.json))));
    # name, derivation and output of each check, for ./check's summary.
    checkList = builtins.concatStringsSep "" (map
      (name: builtins.unsafeDiscardStringContext "${name}\t${checks.${name}.drvPath}\t${checks.${name}.outPath}\n")
      (builtins.attrNames checks));
  };
}
