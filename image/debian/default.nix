# Debian packages as Nix inputs: each .deb of lock.json by its hash, trees unpacked from closures of them, and the
# builder that runs a script inside such a tree. No nixpkgs, no flake input, no network.
{ system }:
let
  lock = builtins.fromJSON (builtins.readFile ./lock.json);

  # The same as store_name() in fetch.
  storeName = builtins.replaceStrings [ "~" "%" ":" ] [ "-" "-" "-" ];

  # A pinned file. `fetch` has put it into the store under its hash, so this is never built; where it is missing, the
  # "address" is the message that the user sees.
  input = { name, sha256, hint, mode ? "flat" }: derivation {
    inherit name system;
    builder = "builtin:fetchurl";
    outputHashMode = mode;
    outputHashAlgo = "sha256";
    outputHash = sha256;
    url = "the input ${hint} is not in the Nix store. Way out: `nix run .#fetch`; if it has left the mirror, `nix run .#relock`, or fetch with HOLDFAST_DEBIAN_MIRROR set to a snapshot mirror of ${lock.release_date}";
    preferLocalBuild = true;
  };

  baseName = path: builtins.elemAt (builtins.match ".*/([^/]*)" path) 0;

  deb = package: input {
    name = storeName (baseName package.path);
    inherit (package) sha256;
    hint = "${package.package} ${package.version} (${package.path})";
  };

  # Debian's static busybox: the first builder. Its NAR hash is in the lock, because fetch takes it out of the package.
  bootstrap = input {
    name = "bootstrap";
    sha256 = lock.bootstrap_nar;
    hint = "bootstrap (busybox of busybox-static)";
    mode = "recursive";
  };

  inClosure = closure: builtins.filter (package: builtins.elem closure package.closures) lock.packages;

  busybox = { name, script, env ? { } }: derivation ({
    inherit name system;
    builder = "${bootstrap}/busybox";
    args = [ "ash" "-eu" script ];
    inherit bootstrap;
  } // env);

  tree = closure: busybox {
    name = "tree-${closure}";
    script = ./tree.sh;
    env.debs = map deb (inClosure closure);
  };

  # Run `script` (bash) with the tree `tree` as the root of the file system. `env` becomes environment variables.
  run = { name, tree, script, env ? { } }: busybox {
    inherit name;
    script = ./build.sh;
    env = {
      inherit tree script;
      enter = ./enter.sh;
      SOURCE_DATE_EPOCH = toString lock.source_date_epoch;
      passAsFile = [ "script" ];
    } // env;
  };
in
{
  inherit lock input deb tree run bootstrap busybox;
  package = name: deb (builtins.head (builtins.filter (package: package.package == name) lock.packages));
}
