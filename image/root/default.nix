# The root file system: erofs and its manifest (path, mode, size, SHA-256, why it is there).
{ debian, appliance, units, version }:
debian.run {
  name = "holdfast-root";
  tree = debian.tree "image";
  env = {
    inherit units version;
    debian = debian.tree "root";
    binary = "${appliance}/bin/holdfast";
    probe = "${appliance}/libexec/sandbox-probe";
    build = ./build.sh;
  };
  script = ". $build";
}
