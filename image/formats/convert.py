#!/usr/bin/env python3
"""Write a disk image in the formats that clouds and hypervisors take, each the same bits for the same image.

  convert.py FORMAT IN OUT     one of them; OUT is a file
  convert.py all IN OUT        each of them; OUT is a folder, which gets holdfast.qcow2 and so on, and SHA256SUMS

  qcow2 (QEMU, OpenStack), vhd (Azure), vmdk (VMware), gce (Google, tar.gz), iso (a virtual optical drive)

IN is an image of this project, signed or not: sign it first, then convert it. It is never changed. Times inside come from
SOURCE_DATE_EPOCH, in seconds; without it they are 1980, the earliest that all formats can tell.
"""
import hashlib
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import gce
import gpt
import iso
import qcow2
import vhd
import vmdk

# Each with the ending of its file.
FORMATS = {
    "qcow2": (qcow2, "qcow2"), "vhd": (vhd, "vhd"), "vmdk": (vmdk, "vmdk"), "gce": (gce, "tar.gz"), "iso": (iso, "iso")}
EARLIEST = 315_532_800


def digest(path):
    """A file's SHA-256."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    if len(sys.argv) == 2 and sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return
    if len(sys.argv) != 4 or sys.argv[1] not in (*FORMATS, "all"):
        sys.exit(__doc__.strip())
    _, name, raw, out = sys.argv
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", EARLIEST))
    if name != "all":
        FORMATS[name][0].write(raw, out, epoch)
        return
    with open(raw, "rb") as source:
        gpt.read(source)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for module, ending in FORMATS.values():
        target = folder / f"holdfast.{ending}"
        print(f"writing {target}", file=sys.stderr)
        module.write(raw, target, epoch)
        sums.append(f"{digest(target)}  {target.name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
