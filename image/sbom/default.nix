# What the image is made of, in the two common formats, beside the image; and whether it says all.
{ debian, rust, root, uki, kernel, version }:
let
  inClosure = builtins.filter (package: builtins.elem "root" package.closures) debian.lock.packages;
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
    rust_tree = debian.tree "rust";
  };
  sbom = debian.run {
    name = "holdfast-sbom";
    tree = debian.tree "image";
    inherit env;
    script = "python3 $program/sbom.py";
  };
in
{
  inherit sbom;

  check = debian.run {
    name = "sbom";
    tree = debian.tree "image";
    env = env // { first = sbom; };
    script = ''
      # Once more in another order of hashes, language, time zone and folder.
      mkdir -p another/folder && cd another/folder
      made="$out"
      env PYTHONHASHSEED=4711 LC_ALL=C TZ=Asia/Kathmandu out="$PWD/second" bash -c 'umask 077; exec python3 $program/sbom.py' > said
      for name in holdfast.cdx.json holdfast.spdx.json; do cmp "$first/$name" "second/$name"; done
      python3 $program/check.py "$first" "$manifest"
      # What is missing is noticed.
      cp -r --no-preserve=mode "$first" cut
      python3 - cut/holdfast.cdx.json <<'CUT'
      import json, sys
      with open(sys.argv[1]) as file: document = json.load(file)
      document["components"] = [part for part in document["components"] if part["name"] != "udev"]
      with open(sys.argv[1], "w") as file: json.dump(document, file)
      CUT
      if python3 $program/check.py cut "$manifest" > /dev/null 2>&1; then echo "a component that is missing was not noticed"; exit 1; fi
      touch "$made"
    '';
  };
}
