#!/usr/bin/env python3
"""Write a disk image in the formats that clouds and hypervisors take, each the same bits for the same image.

  convert.py FORMAT IN OUT     FORMAT: qcow2 (QEMU, OpenStack), vhd (Azure, Hyper-V), vmdk (VMware), gce (Google, tar.gz)

Times inside come from SOURCE_DATE_EPOCH.
"""
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import gce
import qcow2
import vhd
import vmdk

FORMATS = {"qcow2": qcow2, "vhd": vhd, "vmdk": vmdk, "gce": gce}


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in FORMATS:
        sys.exit(__doc__.strip())
    _, name, raw, out = sys.argv
    FORMATS[name].write(raw, out, int(os.environ.get("SOURCE_DATE_EPOCH", "0")))


if __name__ == "__main__":
    main()
