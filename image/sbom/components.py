"""What the image is made of: Debian packages that gave a file, the kernel, the boot stub, and what our programs are linked from."""
import io
import lzma
import re
import tarfile
import tomllib
import urllib.parse
from pathlib import Path

import licences


def members(deb):
    """Paths of a .deb (an ar archive that holds data.tar.xz) with their kinds."""
    data = Path(deb).read_bytes()
    place = 8
    while place < len(data):
        name, size = data[place:place + 16].decode().strip().rstrip("/"), int(data[place + 48:place + 58])
        body = data[place + 60:place + 60 + size]
        if name == "data.tar.xz":
            with tarfile.open(fileobj=io.BytesIO(lzma.decompress(body))) as tar:
                return {"/" + entry.name.lstrip("./") for entry in tar if not entry.isdir()}
        place += 60 + size + size % 2
    raise SystemExit(f"sbom: {deb} holds no data.tar.xz")


def merged(path):
    """A path after the merged /usr."""
    return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", path)


# Whose copyright file is not machine-readable, by its own words; and who shares one with another package of its source.
BY_HAND = {"libcrypt1": {"LGPL-2.1-or-later"}, "libgcc-14-dev": {"GPL-3.0-or-later WITH GCC-exception-3.1"}}
SHARED = {"util-linux": "libmount1"}


def debian(entry, tree, role, files):
    name = SHARED.get(entry["package"], entry["package"])
    names, texts = licences.declared(f"{tree}/usr/share/doc/{name}/copyright")
    names = names or BY_HAND.get(name, set())
    version = urllib.parse.quote(entry["version"], safe="")
    return {
        "kind": "deb", "name": entry["package"], "version": entry["version"], "sha256": entry["sha256"], "licences": sorted(names),
        "texts": texts, "role": role, "files": files, "supplier": "Debian",
        "purl": f"pkg:deb/debian/{entry['package']}@{version}?arch={entry['architecture']}&distro=trixie"}


def packages(lock, closure, debs, manifest, tree):
    """The packages of a closure that gave the image at least one file, and what no package gave."""
    wanted = {}
    for line in Path(manifest).read_text().splitlines():
        kind, path, *_ = line.split("\t")
        if kind in ("file", "program", "library", "link"):
            wanted[path] = kind
    found = []
    for entry in lock["packages"]:
        if closure in entry["closures"]:
            files = sorted({merged(path) for path in members(debs[Path(entry["path"]).name])} & set(wanted))
            if files:
                found.append(debian(entry, tree, "in the root", files))
    return found


def crates(listing, cargo_lock):
    """The crates of the binary: `name version|licence` a line, with their hashes from Cargo.lock."""
    sums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(Path(cargo_lock).read_text())["package"]}
    found = []
    # cargo marks what it has listed before.
    for line in sorted({line.removesuffix(" (*)") for line in Path(listing).read_text().split("\n")}):
        if not line:
            continue
        package, licence = line.split("|")
        name, version = package.split()[0], package.split()[1].removeprefix("v")
        own = sums[(name, version)] is None
        found.append({
            "kind": "cargo", "name": name, "version": version, "sha256": sums[(name, version)], "texts": {}, "files": [],
            "licences": [re.sub(r"\s*/\s*", " OR ", licence)] if licence else [], "role": "ours" if own else "linked into our programs",
            "supplier": "Holdfast" if own else "crates.io", "purl": f"pkg:cargo/{name}@{version}"})
    return found
