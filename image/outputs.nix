# The flake's outputs, each from a file of its own. `source`: the flake's own place in the store.
{ source }:
let
  system = "x86_64-linux";
  version = (builtins.fromTOML (builtins.readFile ../Cargo.toml)).workspace.package.version;
  debian = import ./debian { inherit system; };
  folder = name: path: builtins.path { inherit name path; };

  # Fragments and patches alone: what else lies beside them rebuilds no kernel.
  config = builtins.path {
    name = "kernel-config";
    path = ../hardening/kernel;
    filter = path: type: type == "directory" || builtins.match ".*\\.(config|patch)" path != null;
  };
  units = folder "systemd-units" ../hardening/systemd;
  kernel = import ./kernel.nix { inherit debian config; };
  rust = import ./rust.nix { inherit debian; };
  root = import ./root {
    inherit debian version units;
    inherit (rust) appliance;
  };
  uki = import ./disk/verity.nix { inherit debian root kernel version; };
  image = import ./disk { inherit debian root uki version; };
  lab = import ./lab {
    inherit debian kernel version units;
    inherit (rust) appliance;
    released = root;
  };
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
  reproduce = import ./reproduce {
    inherit debian version config units;
    built = { inherit kernel root uki image; inherit (rust) appliance; };
  };
  bench = import ./bench.nix { inherit debian rust; };
  torture = import ./torture.nix { inherit debian rust; };
  fuzz = import ./fuzz.nix { inherit debian rust; };
  sbom = import ./sbom { inherit debian rust root uki kernel version; };
  formats = import ./formats { inherit debian rust image kernel docs machineTree; inherit (rust) appliance; };
  checks = {
    inherit (bench) site-1000;
    inherit (rust) fmt clippy unit supply;
    sbom = sbom.check;
    reproducible = reproduce.check;
    reproduce = reproduce.names;
  } // machines.checks;
  machines = import ./checks.nix { inherit debian rust root uki image lab kernel machineTree docs formats; };
  app = program: { type = "app"; inherit program; };
  # A file of the flake itself, run by the host's own tools: it works on a clone that has fetched nothing. Without its
  # context, since Nix 2.8 takes a program's context for derivations alone; the source is in the store already.
  file = path: app "${builtins.unsafeDiscardStringContext source}/${path}";
in
{
  packages.${system} = { inherit kernel image; inherit (rust) appliance; inherit (formats) formats; inherit (sbom) sbom; };
  checks.${system} = checks;
  apps.${system} = {
    run = file "run";
    sign = app "${sign}/bin/sign";
    bench = app "${bench.app}/bin/bench";
    fuzz = app "${fuzz.app}/bin/fuzz";
    sbom-validate = file "image/sbom/validate.sh";
    formats = app "${formats.app}/bin/formats";
    torture = app "${torture.app}/bin/torture";
    tamper = app "${machines.tamper}/bin/tamper";
    power-cut = app "${machines.power-cut}/bin/power-cut";
    reproduce = file "image/reproduce/reproduce";
    fetch = file "image/debian/fetch";
    relock = file "image/debian/relock";
  };
  legacyPackages.${system} = {
    inherit (rust) vendor dependencies;
    inherit root uki docs lab machine;
    inherit (machines) tests;
    # The tests that start the program itself, for those that need more than a build has.
    appliance-tests = torture.program;
    # The second build, piece by piece, for people who look for what differs.
    second = { inherit (reproduce.second) appliance root uki image; };
    compare = reproduce.compare;
    everything = { inherit (reproduce.everything) kernel appliance root uki image; };
    trees = builtins.listToAttrs (map (name: { inherit name; value = debian.tree name; })
      (builtins.attrNames (builtins.fromJSON (builtins.readFile ./debian/closures.json))));
    # name, derivation and output of each check, for ./check's summary.
    checkList = builtins.concatStringsSep "" (map
      (name: builtins.unsafeDiscardStringContext "${name}\t${checks.${name}.drvPath}\t${checks.${name}.outPath}\n")
      (builtins.attrNames checks));
  };
}
