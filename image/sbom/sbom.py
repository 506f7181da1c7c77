#!/usr/bin/env python3
"""Write what the image is made of, as CycloneDX and SPDX, from the locks and the image's own manifest.

Reads the environment: lock, debs, manifest, root_tree, rust_tree, crates, cargo_lock, kernel_tree, image_tree, root_hash, version, out.
"""
import hashlib
import json
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import components
import cyclonedx
import spdx


# What the compilers link into our static programs beside the crates.
LINKED = {
    "libstd-rust-web-dev": "Rust's standard library", "libc6-dev": "the C library", "libgcc-14-dev": "the compiler's own functions"}


def main():
    env = os.environ
    lock = json.loads(Path(env["lock"]).read_text())
    # A store path is its hash, a dash, and the file's name with some characters replaced.
    debs = {}
    for path in env["debs"].split():
        debs[Path(path).name.split("-", 1)[1]] = path
    for entry in lock["packages"]:
        name = Path(entry["path"]).name
        stored = name.replace("~", "-").replace("%", "-").replace(":", "-")
        if stored in debs:
            debs[name] = debs[stored]
    parts = components.packages(lock, "root", debs, env["manifest"], env["root_tree"])
    pinned = {entry["package"]: entry for entry in lock["packages"]}
    kernel = components.debian(pinned["linux-source-6.12"], env["kernel_tree"], "compiled into the UKI, with one patch of ours", [])
    parts.append(kernel | {"kind": "kernel", "licences": ["GPL-2.0-only WITH Linux-syscall-note"], "texts": {}})
    parts.append(components.debian(pinned["systemd-boot-efi"], env["image_tree"], "EFI stub of the UKI", []))
    for name, role in LINKED.items():
        parts.append(components.debian(pinned[name], env["rust_tree"], f"{role}, linked into our programs", []))
    parts += components.crates(env["crates"], env["cargo_lock"])
    root = Path(env["root_hash"]).read_text().strip()
    release = {
        "version": env["version"], "root": root, "identity": hashlib.sha256(f"{env['version']} {root}".encode()).digest(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(env["SOURCE_DATE_EPOCH"])))}
    out = Path(env["out"])
    out.mkdir()
    for name, writer in (("holdfast.cdx.json", cyclonedx), ("holdfast.spdx.json", spdx)):
        (out / name).write_text(json.dumps(writer.document(release, parts), indent=1, sort_keys=False, ensure_ascii=False) + "\n")
    unknown = [part["name"] for part in parts if not part["licences"]]
    if unknown:
        sys.exit(f"sbom: no licence is known of {', '.join(unknown)}: look at their copyright files and name it in licences.py")
    count = {kind: sum(part["kind"] == kind for part in parts) for kind in ("deb", "cargo")}
    print(f"figure: {count['deb']} packages, {count['cargo']} crates, 1 kernel; every one with licence, and a hash where it comes from outside")


if __name__ == "__main__":
    main()
