# What the image is made of, in the two common formats, beside the image.
{ debian, rust, root, uki, kernel, version }:
let
  inClosure = builtins.filter (package: builtins.elem "root" package.closures) debian.lock.packages;
in
debian.run {
  name = "holdfast-sbom";
  tree = debian.tree "image";
  env = {
    inherit version;
    inherit (rust) crates;
    program = builtins.path { name = "sbom"; path = ./.; };
    lock = ../debian/lock.json;
    cargo_lock = ../../Cargo.lock;
    debs = map debian.deb inClosure;
    manifest = "${root}/manifest.tsv";
    root_hash = "${uki}/roothash";
    root_tree = debian.tree "root";
    kernel_tree = debian.tree "kernel";
    image_tree = debian.tree "image";
  };
  script = "python3 $program/sbom.py";
}
